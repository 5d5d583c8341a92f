#pragma once

#include "cardea/card/ports/key_vault.h"

namespace cardea::card::piv {

/// The inside of template 7F49 (SP 800-73-4 Part 2, table 9): `81 modulus 82 exponent`, or `86 point`.
Bytes public_key_objects(const PublicKey& key);

}  // namespace cardea::card::piv

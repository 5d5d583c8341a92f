#pragma once

#include <functional>
#include <span>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"
#include "cardea/vault/diversification.h"

namespace cardea::signer {

/// Whole blocks under the master key, in ECB mode.
using EncryptBlocks = std::function<Result<SecretBytes>(BytesView)>;

/// The octets of a card's key, of the size that `key` has; triple DES as K1, K2, K1. Errors: `invalid` for
/// masters and keys that do not go together (vault::makes) or an identifier that is not 1, 2 or 3; those of
/// `encrypt`.
Result<SecretBytes> diversify(const vault::Derivation& how, card::Algorithm master, card::Algorithm key,
                              const EncryptBlocks& encrypt);

/// What DES ignores and HSMs insist on: the lowest bit of each octet makes the number of ones odd.
void set_odd_parity(std::span<std::uint8_t> key);

}  // namespace cardea::signer

#pragma once

#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/algorithm.h"

namespace cardea::test {

/// Whole blocks through a cipher in ECB mode, as a host does it in the 9B protocols. Nothing when key or data
/// have the wrong size.
std::optional<Bytes> ecb_encrypt(card::Algorithm algorithm, BytesView key, BytesView blocks);
std::optional<Bytes> ecb_decrypt(card::Algorithm algorithm, BytesView key, BytesView blocks);

}  // namespace cardea::test

#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/algorithm.h"

namespace cardea::card::gp {

/// One key of PUT KEY: `type length [key length] encrypted key 03 key check value`.
struct KeyField {
  Algorithm algorithm = Algorithm::aes128;
  std::size_t size = 0;  ///< octets of the key, before it was filled up to whole blocks
  BytesView encrypted;
  BytesView check_value;  ///< three octets
};

struct PutKeyRequest {
  std::uint8_t version = 0;
  std::array<KeyField, 3> keys;  ///< ENC, MAC, DEK, all of one algorithm
};

/// Nothing when it is malformed.
std::optional<PutKeyRequest> parse_put_key(BytesView data);

}  // namespace cardea::card::gp

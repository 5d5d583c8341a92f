#pragma once

#include <cstdint>
#include <vector>

#include "cardea/apdu/tlv.h"
#include "cardea/card/result.h"

namespace cardea::card::piv {

/// What PUT DATA writes.
struct PutRequest {
  std::uint32_t tag = 0;
  BytesView content;  ///< as it is stored; empty to delete
};

/// `5C L tag 53 L content`, or one of the two templates that come without a tag list. Errors: 6A80; 6A84 when
/// there is no room for that much.
CardResult<PutRequest> parse_put(const std::vector<apdu::Tlv>& objects);

}  // namespace cardea::card::piv

#pragma once

#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/result.h"

namespace cardea::card::piv {

/// Dynamic authentication template 7C (SP 800-73-4 Part 2, table 7): what is there, in whatever order it
/// came. An empty object is a request for it.
struct AuthenticationTemplate {
  std::optional<BytesView> witness;         ///< 80
  std::optional<BytesView> challenge;       ///< 81
  std::optional<BytesView> response;        ///< 82
  std::optional<BytesView> exponentiation;  ///< 85
};

/// 6A80 when it is malformed, has other objects or one of them twice.
CardResult<AuthenticationTemplate> parse_authentication_template(BytesView data);

/// `7C L {tag L value}`.
Bytes make_authentication_template(std::uint8_t tag, BytesView value);

constexpr bool asked_for(const std::optional<BytesView>& object) {
  return object && object->empty();
}
constexpr bool given(const std::optional<BytesView>& object) {
  return object && !object->empty();
}

}  // namespace cardea::card::piv

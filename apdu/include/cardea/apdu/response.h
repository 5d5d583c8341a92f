#pragma once

#include <optional>

#include "cardea/apdu/status_word.h"
#include "cardea/bytes.h"

namespace cardea::apdu {

/// A response APDU: data and trailer (ISO/IEC 7816-4, 5.1).
struct Response {
  Bytes data;  ///< Nr octets, 0 to 65 536
  StatusWord sw = apdu::sw::kOk;

  friend bool operator==(const Response&, const Response&) = default;
};

/// Data followed by SW1-SW2.
Bytes encode(const Response& response);

/// Nothing when there is no room for a status word, or more data than a response can carry.
std::optional<Response> parse_response(BytesView octets);

}  // namespace cardea::apdu

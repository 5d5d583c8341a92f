#include "cardea/apdu/response.h"

#include "cardea/apdu/command.h"

namespace cardea::apdu {

Bytes encode(const Response& response) {
  Bytes out;
  out.reserve(response.data.size() + 2);
  append(out, response.data);
  append_be16(out, response.sw.value());
  return out;
}

std::optional<Response> parse_response(BytesView octets) {
  if (octets.size() < 2 || octets.size() > kMaxResponseSize) return std::nullopt;
  const auto trailer = octets.last(2);
  return Response{to_bytes(octets.first(octets.size() - 2)), StatusWord{trailer[0], trailer[1]}};
}

}  // namespace cardea::apdu

// What authorities on the network answer: nothing of it ends the program, and Base64 that is read is written
// again.

#include "../split.h"
#include "cardea/cms/ca/request.h"
#include "cmp_errors.h"
#include "est_messages.h"

namespace ca = cardea::cms::ca;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cardea::BytesView octets{data, size};
  const std::string text{reinterpret_cast<const char*>(data),
                         size};  // NOLINT(*-reinterpret-cast): octet to char
  if (size > 0) cardea::fuzz::require(ca::from_base64(ca::to_base64(octets)) == cardea::to_bytes(octets));
  if (const auto plain = ca::from_base64(text)) (void)ca::certs_only(*plain);
  (void)ca::certs_only(octets);
  (void)ca::retry_after(text, 0);
  (void)ca::parse_est_url(text);
  cardea::fuzz::require(!ca::cmp_error(text, "server").what.empty());
  if (ca::describe_certificate(octets)) cardea::fuzz::require(ca::holder_of(octets).has_value());
  return 0;
}

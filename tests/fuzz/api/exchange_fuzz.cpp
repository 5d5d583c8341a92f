// Both readers of the channel: what they accept, they write again octet for octet.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cardea/api/channel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea;
  const BytesView octets{data, size};
  if (const auto exchange = api::parse_exchange(octets)) {
    if (!equal(api::encode(*exchange), octets)) std::abort();
  }
  if (const auto reply = api::parse_exchange_reply(octets)) {
    if (!equal(api::encode(*reply), octets)) std::abort();
  }
  return 0;
}

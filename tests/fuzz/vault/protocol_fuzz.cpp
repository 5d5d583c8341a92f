// Requests, replies and sealed keys from anywhere: parsed or refused, and what is parsed is written as it
// was.

#include <cstdlib>

#include "cardea/vault/sealed_key.h"
#include "cardea/vault/worker_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea;  // NOLINT(google-build-using-namespace): one function
  const BytesView input{data, size};
  if (const auto request = vault::wire::decode_request(input)) {
    const auto again = vault::wire::encode(*request);
    if (!again || !equal(*again, input)) std::abort();
  }
  if (const auto reply = vault::wire::decode_reply(input)) {
    const auto again = vault::wire::encode(*reply);
    if (!again || !equal(*again, input)) std::abort();
  }
  if (const auto sealed = vault::SealedKey::parse(input)) {
    auto again = sealed->authenticated_part();
    if (!again) std::abort();
    append(*again, sealed->tag);
    if (!equal(*again, input)) std::abort();
  }
  return 0;
}

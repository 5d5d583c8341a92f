#include <cstdlib>
#include <utility>

#include "cardea/api/opaque.h"

// The first octet chooses the reader, the rest is what came over the network. No message made up of chance
// passes where a MAC is checked; nothing may crash.

namespace {

using namespace cardea;               // NOLINT(google-build-using-namespace)
using namespace cardea::api::opaque;  // NOLINT(google-build-using-namespace)

constexpr Ksf kNone{Ksf::Function::identity, 0, 0};

const ServerKeys& keys() {
  static const ServerKeys keys = *make_server_keys(Secret<64>{}, Secret<32>{});
  return keys;
}

SecretBytes password() {
  return SecretBytes{as_bytes("123456")};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const BytesView message{data + 1, size - 1};
  switch (data[0] % 5) {
    case 0:
      (void)registration_response(keys(), {}, message);
      break;
    case 1: {
      const auto record = fake_record(keys(), {});
      if (const auto answer = respond(keys(), record.expose(), {}, message, {});
          answer && answer->ke2.size() != kKe2Size) {
        std::abort();
      }
      break;
    }
    case 2:
      if (check_record(message) && !respond(keys(), message, {}, ClientLogin::start(password())->ke1(), {})) {
        std::abort();
      }
      break;
    case 3:
      if (std::move(*ClientLogin::start(password())).finish(message, {}, kNone)) std::abort();
      break;
    default:
      if (const auto ksf = parse_ksf(message); ksf && !equal(encode(*ksf), message)) std::abort();
      (void)std::move(*ClientRegistration::start(password())).finish(message, kNone);
  }
  return 0;
}

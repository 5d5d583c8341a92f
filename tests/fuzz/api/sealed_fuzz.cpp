#include <cstdlib>

#include "cardea/api/card_secret.h"
#include "cardea/api/hpke.h"
#include "cardea/api/record.h"

// Sealed messages and records from outside: whatever opens was not sealed with these keys.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea;       // NOLINT(google-build-using-namespace)
  using namespace cardea::api;  // NOLINT(google-build-using-namespace)
  static const auto recipient = hpke::generate_key_pair();
  const BytesView message{data, size};
  const card_secret::Place place{"tenant", "card", card_secret::kPin};
  if (card_secret::open_copy(place, {}, message) || card_secret::open_copy_with(place, recipient, message)) {
    std::abort();
  }
  (void)card_secret::subject_of(message);
  for (const auto aead : {Aead::aes256gcm, Aead::chacha20poly1305}) {
    if (hpke::open(recipient, {}, {}, message, aead)) std::abort();
    record::Opener opener{Secret<64>{}, record::Direction::to_server, {"session", 1, aead}, 1};
    if (opener.open(1, message)) std::abort();
  }
  return 0;
}

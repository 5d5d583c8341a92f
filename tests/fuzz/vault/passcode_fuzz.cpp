#include <algorithm>
#include <cstdlib>

#include "cardea/vault/passcode_key.h"

// Handles with a passcode layer as a database may hold them: what parses is written back the same, and
// nothing opens.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea;  // NOLINT(google-build-using-namespace)
  static const auto secret = api::hpke::generate_key_pair();
  card::KeyHandle key;
  key.sealed.assign(data, data + size);
  if (const auto parsed = vault::PasscodeKey::parse(key.sealed); parsed && parsed->encode() != key.sealed) {
    std::abort();
  }
  if (vault::open_with_passcode(key, "tenant", "card", secret)) std::abort();
  // The same as sealed to this very secret, so that more than the comparison of keys is reached.
  if (key.sealed.size() >= 38) {
    std::copy(secret.public_key.begin(), secret.public_key.end(), key.sealed.begin() + 6);
    if (vault::open_with_passcode(key, "tenant", "card", secret)) std::abort();
  }
  return 0;
}

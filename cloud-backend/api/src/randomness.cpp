#include "cardea/api/randomness.h"

#include <sodium.h>

#include <cstdlib>

#include "sodium_ready.h"

namespace cardea::api {

void sodium_ready() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort();  // no source of randomness: nothing may go on
}

Randomness system_randomness() {
  sodium_ready();
  return [](std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); };
}

}  // namespace cardea::api

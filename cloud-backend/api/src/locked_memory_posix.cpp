#include <sodium.h>

#include "locked_memory.h"

namespace cardea::api {

const char* const kLockLimit = "RLIMIT_MEMLOCK";

/// Leaves them out of core dumps too.
bool lock_memory(std::span<std::uint8_t> pages) {
  return sodium_mlock(pages.data(), pages.size()) == 0;
}

}  // namespace cardea::api

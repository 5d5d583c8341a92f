#pragma once

#include <cstdint>
#include <span>

namespace cardea::api {

/// Keeps whole pages out of the swap file and of what is written when the process crashes. False when the
/// system does not allow any more.
[[nodiscard]] bool lock_memory(std::span<std::uint8_t> pages);

/// What the system calls the limit that `lock_memory` met.
extern const char* const kLockLimit;

}  // namespace cardea::api

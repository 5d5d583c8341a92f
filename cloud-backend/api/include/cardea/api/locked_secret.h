#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::api {

/// Up to 64 secret octets that live longer than a function call: in memory that is neither swapped out nor
/// part of a core dump, between pages that nobody may touch, wiped when given back.
class LockedSecret {
 public:
  static constexpr std::size_t kMost = 64;

  /// None.
  LockedSecret() = default;
  /// Copies `plain`; wiping the source remains the caller's duty. Errors: `invalid` above 64 octets;
  /// `exhausted` when the process may lock no more memory (RLIMIT_MEMLOCK, or the working set on Windows; 256
  /// secrets need 16 KiB).
  static Result<LockedSecret> of(BytesView plain);

  LockedSecret(const LockedSecret&) = delete;
  LockedSecret& operator=(const LockedSecret&) = delete;
  LockedSecret(LockedSecret&& other) noexcept;
  LockedSecret& operator=(LockedSecret&& other) noexcept;
  ~LockedSecret();

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] BytesView expose() const { return {slot_, size_}; }

 private:
  void give_back() noexcept;

  std::uint8_t* slot_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cardea::api

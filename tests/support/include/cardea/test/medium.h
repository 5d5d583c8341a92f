#pragma once

#include <cstdint>
#include <mutex>

#include "cardea/result.h"

namespace cardea::test {

/// What a planned failure does to the call that meets it.
enum class Failure : std::uint8_t {
  refused,  ///< that one call fails and changes nothing; later ones work
  crashed,  ///< that call and all after it fail until `revive`: the process died there
};

/// The one durable thing under a test card: MemoryStore and MemoryPinVault write to it, so they share its
/// generation and its planned failures, as records and PINs of a real card share a database.
class Medium {
 public:
  /// The n-th durable step from now fails (1: the very next).
  void fail_after(unsigned n, Failure kind = Failure::refused);

  /// After a crash: durable steps work again. Cancels a failure that has not come yet, too.
  void revive();

  /// Whether a planned failure is still to come.
  [[nodiscard]] bool failure_pending() const;

  [[nodiscard]] std::uint64_t generation() const;

  /// How many durable steps there were, failed ones not counted.
  [[nodiscard]] std::uint64_t steps() const;

  /// Asks leave for one durable step and counts it. `unavailable` when it is the one that fails.
  Result<void> step();

  /// While held, no other session of the card is inside the store or the PIN vault.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> lock() const { return std::unique_lock{mutex_}; }

 private:
  mutable std::recursive_mutex mutex_;
  std::uint64_t generation_ = 0;
  std::uint64_t steps_ = 0;
  unsigned countdown_ = 0;  // 0: nothing planned
  Failure kind_ = Failure::refused;
  bool dead_ = false;
};

}  // namespace cardea::test

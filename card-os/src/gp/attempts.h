#pragma once

#include <cstdint>

#include "cardea/card/ports/store.h"
#include "cardea/result.h"

namespace cardea::card::gp {

/// How often hosts may fail in a row to prove that they have the keys of one version. GlobalPlatform leaves
/// the limit to the card; this one is far above what mistakes make and far below what guesses need.
class Attempts {
 public:
  static constexpr unsigned kLimit = 255;

  explicit Attempts(Store& store) : store_{store} {}

  /// Whether no attempt is left. Errors: `corrupt`; those of the store.
  Result<bool> used_up(std::uint8_t version);

  /// Takes one attempt away, durably, before it is made; false when there is none left. However many sessions
  /// try at once, each attempt is one's.
  Result<bool> spend(std::uint8_t version);

  /// An attempt has succeeded: all are there again.
  Result<void> restore(std::uint8_t version);

 private:
  Store& store_;
};

}  // namespace cardea::card::gp

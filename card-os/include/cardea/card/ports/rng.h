#pragma once

#include <cstdint>
#include <span>

namespace cardea::card {

/// Randomness fit for keys and challenges.
class Rng {
 public:
  Rng() = default;
  Rng(const Rng&) = delete;
  Rng& operator=(const Rng&) = delete;
  virtual ~Rng() = default;

  /// Fills all of `out`; does not fail (an implementation that cannot deliver ends the process).
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

}  // namespace cardea::card

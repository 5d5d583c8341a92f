#pragma once

#include <cstdint>
#include <cstdlib>

#include "cardea/bytes.h"

namespace cardea::fuzz {

/// Ends the program, so that libFuzzer keeps the input.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Takes input apart; runs dry with zeroes.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_{data, size} {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t octet() {
    if (rest_.empty()) return 0;
    const auto out = rest_.front();
    rest_ = rest_.subspan(1);
    return out;
  }
  std::uint16_t number() {
    const auto high = octet();
    return static_cast<std::uint16_t>((high << 8U) | octet());
  }
  BytesView take(std::size_t count) {
    const auto out = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return out;
  }

 private:
  BytesView rest_;
};

}  // namespace cardea::fuzz

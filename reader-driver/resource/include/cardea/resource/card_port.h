#pragma once

#include <cstdint>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::resource {

enum class Power : std::uint8_t { on, reset, off };

/// A card that can be put into a reader of the resource manager. One call at a time.
class CardPort {
 public:
  CardPort() = default;
  CardPort(const CardPort&) = delete;
  CardPort& operator=(const CardPort&) = delete;
  virtual ~CardPort() = default;

  /// The answer to reset; the same for as long as the card exists.
  [[nodiscard]] virtual Bytes atr() const = 0;

  /// Cold reset, warm reset, power off: the card sees it before the next command. Errors: `not_found` when
  /// the card has gone.
  virtual Result<void> power(Power how) = 0;

  /// One command APDU and its response. Errors: `not_found` when the card had gone before the command reached
  /// it, `unavailable` when it was lost on the way.
  virtual Result<Bytes> transmit(BytesView command) = 0;
};

}  // namespace cardea::resource

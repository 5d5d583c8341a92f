#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace cardea::slot {

/// What the reader shows.
enum class State : std::uint8_t {
  absent,   ///< no card
  present,  ///< a card without power
  powered,  ///< a card that has given its ATR
  lost,     ///< the card went, and pcscd has not looked since
};

/// Why an agent may not have the slot; a sentence for it.
struct Refusal {
  std::string reason;
};

/// One slot's decisions, without sockets and clocks: what state it is in and who may put a card into it.
///
/// A slot belongs to the user whose card is in it, and for `kGrace` after that card was taken out, so that
/// nobody slips a card of their own into a reader that an application is about to use again: root neither.
///
/// A card that went is `lost` until pcscd has looked: the next one waits until then. Otherwise a card that
/// leaves and comes back between two looks would not have left at all for an application that believes a PIN
/// to be verified.
class Slot {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kGrace{5};

  /// Asks for the slot; granted when nothing is returned, and the card is present then.
  std::optional<Refusal> insert(uid_t user, Time now);

  /// The card is gone: taken out, or its agent died. Does nothing on an empty slot.
  void remove(Time now);

  /// pcscd has seen the slot as it is.
  void looked();

  /// Power up and reset; false when there is no card.
  bool power_on();
  void power_off();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool occupied() const { return state_ == State::present || state_ == State::powered; }

 private:
  State state_ = State::absent;
  std::optional<uid_t> owner_;  ///< also of the card before, until the grace time is over
  Time freed_at_{};
};

}  // namespace cardea::slot

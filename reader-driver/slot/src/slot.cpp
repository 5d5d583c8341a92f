#include "cardea/slot/slot.h"

namespace cardea::slot {

std::optional<Refusal> Slot::insert(uid_t user, Time now) {
  if (occupied()) return Refusal{"the slot holds a card already"};
  if (state_ == State::lost) return Refusal{"the card before is being removed; try again at once"};
  const bool reserved = owner_ && *owner_ != user && now < freed_at_ + kGrace;
  if (reserved) return Refusal{"the slot was another user's a moment ago; try again in some seconds"};
  owner_ = user;
  state_ = State::present;
  return std::nullopt;
}

void Slot::remove(Time now) {
  if (!occupied()) return;
  state_ = State::lost;
  freed_at_ = now;
}

void Slot::looked() {
  if (state_ == State::lost) state_ = State::absent;
}

bool Slot::power_on() {
  if (!occupied()) return false;
  state_ = State::powered;
  return true;
}

void Slot::power_off() {
  if (occupied()) state_ = State::present;
}

}  // namespace cardea::slot

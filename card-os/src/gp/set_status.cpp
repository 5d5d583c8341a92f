#include "engine/error_map.h"
#include "gp/issuer.h"

namespace cardea::card::gp {

namespace {

// Card Specification 2.3.1, figure 5-1: forwards, but for the lock; nothing leads out of TERMINATED.
bool may_follow(CardState from, CardState to) {
  switch (to) {
    case CardState::op_ready:
      return from == CardState::op_ready;
    case CardState::initialized:
      return from == CardState::op_ready || from == CardState::initialized;
    case CardState::secured:
      return from != CardState::terminated;
    case CardState::card_locked:
      return from == CardState::secured || from == CardState::card_locked;
    case CardState::terminated:
      return true;
  }
  return false;
}

bool is_state(std::uint8_t value) {
  return value == 0x01 || value == 0x07 || value == 0x0F || value == 0x7F || value == 0xFF;
}

}  // namespace

/// `conflict`, which is 6F00, when another session was faster.
CardResult<void> Issuer::change_registry(const StoredRegistry& before, const Registry& after) {
  const Condition unchanged{kRegistryId, before.octets};
  const Change change{kRegistryId, encode(after)};
  return lift(ports_.store.commit_if({&unchanged, 1}, {&change, 1}));
}

CardResult<void> Issuer::change_application(const StoredRegistry& before, std::uint8_t state) {
  auto after = before.registry;
  after.piv = state;
  CARDEA_CHECK(change_registry(before, after));
  return lift(ports_.audit.record(ApplicationStateChanged{before.registry.piv, state}));
}

// Card Specification 2.3.1, 11.10 SET STATUS of the card. The state that it has already is no change and no
// error: a host that lost the answer may ask again.
CardResult<Reply> Issuer::set_card_status(const Command& command) {
  if (!is_state(command.p2)) return refuse(sw::kWrongData);
  const auto to = static_cast<CardState>(command.p2);
  CARDEA_TRY(const auto stored, registry());
  const auto from = stored.registry.card;
  if (!may_follow(from, to)) return refuse(sw::kConditionsNotSatisfied);
  if (from == to) return Reply{};
  auto after = stored.registry;
  after.card = to;
  CARDEA_CHECK(change_registry(stored, after));
  const CardStateChanged event{static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to)};
  CARDEA_CHECK(lift(ports_.audit.record(event)));
  return Reply{};
}

// The same of an application: P2 bit 80 locks it, without the bit it goes back to what it was before.
CardResult<Reply> Issuer::set_application_status(const Command& command) {
  constexpr std::uint8_t kUnlock = 0x00;
  const bool lock = command.p2 == application::kLockedBit;
  CARDEA_TRY(const auto stored, registry_for_change());
  const auto state = stored.registry.piv;
  if (!is_piv(command.data) || state == application::kDeleted) return refuse(sw::kReferencedDataNotFound);
  if (!lock && command.p2 != kUnlock) return refuse(sw::kWrongData);
  const auto wanted =
      static_cast<std::uint8_t>(lock ? state | application::kLockedBit : state & ~application::kLockedBit);
  if (wanted != state) CARDEA_CHECK(change_application(stored, wanted));
  return Reply{};
}

}  // namespace cardea::card::gp

#include "gp/registration.h"

#include "engine/error_map.h"

namespace cardea::card::gp {

namespace sw = apdu::sw;

CardResult<void> Registration::look() {
  CARDEA_TRY(seen_, lift(load_registry(store_)));
  return {};
}

bool Registration::selectable(const Registry& registry, const apdu::Aid& aid) const {
  if (registry.card == CardState::card_locked || registry.card == CardState::terminated) return false;
  return aid != application_ || application::is_usable(registry.piv);
}

/// The condition is the registry as it was looked at, which costs nothing. Where somebody has changed it, it
/// may have been something else in it, a key set, and the application is as it was: once more, then.
CardResult<void> Registration::commit(std::span<const Change> changes) {
  for (;;) {
    const Condition unchanged{kRegistryId, seen_.octets};
    const auto committed = store_.commit_if({&unchanged, 1}, changes);
    if (committed || committed.error().code != Errc::conflict) return lift(committed);
    CARDEA_CHECK(still_there());
    if (seen_.octets == unchanged.value) return lift(committed);
  }
}

CardResult<void> Registration::still_there() {
  CARDEA_TRY(auto now, lift(load_registry(store_)));
  if (now.registry.instance != instance() || !selectable(now.registry, application_))
    return refuse(sw::kConditionsNotSatisfied);
  seen_ = std::move(now);
  return {};
}

}  // namespace cardea::card::gp

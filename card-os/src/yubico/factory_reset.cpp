#include "engine/error_map.h"
#include "piv/factory.h"
#include "piv/piv.h"

namespace cardea::card::piv {

// FB RESET: PIN and PUK must both be blocked, so that nobody loses keys by accident.
//
// Records go first, the audit event second and PINs last. A failure in between leaves a card without keys and
// with blocked PINs, on which the command can be given again. Another order would leave the keys of the last
// holder under a PIN that everybody knows, or a wiped card of which nobody was told.
CardResult<Reply> Piv::factory_reset(const Command& command) {
  if (!command.data.empty()) return refuse(sw::kWrongLength);
  for (const auto reference : {PinRef::application, PinRef::puk}) {
    CARDEA_TRY(const auto status, lift(ports_.pins.status(reference)));
    if (status.tries_left > 0) return refuse(sw::kConditionsNotSatisfied);
  }

  CARDEA_TRY(auto erased, erasure());
  CARDEA_TRY(const auto key, bring_factory_state(erased));

  state_ = State{};
  if (auto committed = registration_.commit(erased.changes); !committed) {
    (void)ports_.keys.discard(key);
    return refuse(committed.error());
  }
  discard(erased);
  CARDEA_CHECK(lift(ports_.audit.record(CardWiped{})));
  CARDEA_CHECK(lift(set_factory_pins(ports_.pins)));
  return Reply{};
}

}  // namespace cardea::card::piv

#include <algorithm>

#include "engine/error_map.h"
#include "piv/card_record.h"
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
  auto& changes = erased.changes;
  CARDEA_TRY(const auto key, lift(import_factory_management_key(ports_.keys, erased.card.key_versions + 1)));
  for (auto& record : factory_records(key)) {
    std::erase_if(changes, [&](const Change& change) { return change.id == record.id; });
    changes.push_back(std::move(record));
  }
  changes.push_back({kCardRecordId, encode(erased.card)});

  state_ = State{};
  if (auto committed = lift(ports_.store.commit(changes)); !committed) {
    (void)ports_.keys.discard(key.handle);
    return refuse(committed.error());
  }
  for (const auto& handle : erased.discarded)
    (void)ports_.keys.discard(handle);
  CARDEA_CHECK(lift(ports_.audit.record(CardWiped{})));
  CARDEA_CHECK(lift(set_factory_pins(ports_.pins)));
  return Reply{};
}

}  // namespace cardea::card::piv

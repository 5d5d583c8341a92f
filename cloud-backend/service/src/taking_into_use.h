#pragma once

#include "card_note.h"

namespace cardea::service {

/// Whether the caller is the card's holder, on a device of their own; a registrar's is the authority's,
/// whoever sits at it.
inline bool is_holders_device(const store::CardRow& card, const Caller& caller) {
  return caller.role == store::DeviceRole::user && caller.person && card.holder == caller.person;
}

/// An issued card of this device's holder ends its waiting; any other card stays as it is. Announced first:
/// whatever is killed between is done again when the holder opens the card. Errors: those of check_still_own.
inline Result<void> take_into_use(const World& world, const store::CardRow& card, const Caller& caller) {
  const bool waits = card.issuance == store::Issuance::issued;
  if (!waits || !is_holders_device(card, caller)) return {};
  if (auto own = check_still_own(world, card); !own) {
    CARDEA_CHECK(note_card(world, card, "device:" + caller.device, "card.enrolled", false, "{}"));
    return own;
  }
  CARDEA_CHECK(note_card(world, card, "device:" + caller.device, "card.enrolled", true, "{}"));
  return world.database.take_into_use(card.id);
}

}  // namespace cardea::service

#pragma once

#include "cardea/card/ports/store.h"
#include "cardea/result.h"

namespace cardea::card {

/// Whether the card's management key (9B) is the one that every card is made with, and everybody knows; also
/// when somebody has set that value again. A card whose PIV application was deleted has none: false.
/// Errors: `corrupt`; the store's.
Result<bool> factory_management_key(Store& store);

}  // namespace cardea::card

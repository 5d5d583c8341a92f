#pragma once

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::card {

// For whoever looks after the keys of many cards from outside, as when a vault wraps them anew. Records are
// those of RecordSpace::key.

/// The handle in a card's key record. Errors: `corrupt`.
Result<KeyHandle> stored_key(BytesView record);

/// The same record with another sealed form of the same key. Errors: `corrupt`.
Result<Bytes> with_sealed(BytesView record, Bytes sealed);

}  // namespace cardea::card

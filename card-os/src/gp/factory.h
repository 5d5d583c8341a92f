#pragma once

#include "cardea/card/gp/domain_keys.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/ports/store.h"
#include "gp/stored_key_sets.h"

namespace cardea::card::gp {

/// What a new card's security domain begins with. Errors: `invalid` for keys that do not suit their protocol
/// or a version that no key set can have; those of `make`.
Result<ImportedKeySet> factory_key_set(Store& store, KeyVault& vault, const SecurityDomainKeys& keys);

}  // namespace cardea::card::gp

#pragma once

#include <memory>
#include <string>

#include "cardea/card/ports/key_vault.h"
#include "pool.h"
#include "versions.h"

namespace cardea::vault {

/// The port of one card; `pool` and `versions` outlive it.
std::unique_ptr<card::KeyVault> make_key_vault(Pool& pool, const Versions& versions, std::string organisation,
                                               std::string card);

}  // namespace cardea::vault

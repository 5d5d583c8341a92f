#pragma once

#include <cstddef>
#include <string>

#include "cardea/result.h"
#include "cardea/store/database.h"
#include "cardea/vault/passcode_vault.h"
#include "cardea/vault/vault.h"

namespace cardea::keyring {

/// Wraps anew what a rotation had to leave: the keys of one card that only its holder can open. To be called
/// while `holder` lends the card's secret, after a login. Returns how many there were; costs next to nothing
/// when the organisation never had another version of its keys, or the card's keys have the newest. Errors:
/// those of database, vault and holder; keys that were done by then are done.
Result<std::size_t> rewrap_layered(store::Database& database, vault::Vault& vault,
                                   const std::string& organisation, const std::string& card,
                                   vault::PasscodeHolder& holder);

}  // namespace cardea::keyring

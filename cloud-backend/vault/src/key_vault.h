#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cardea/card/ports/key_vault.h"
#include "pool.h"
#include "versions.h"

namespace cardea::vault {

/// What differs between tokens and tenants.
struct Abilities {
  bool session_keys = false;  ///< unwrapped keys live with the session (Options::session_keys)
  bool curve25519 = false;    ///< Ed25519 and X25519; SoftHSM 2.6.1 cannot wrap such keys
};

/// A request that needs one of the tenant's signing keys, which are made where they are missing.
using AskWithSigningKey = std::function<Result<wire::Reply>(const wire::Request&)>;

/// The port of one card; `pool` and `versions` outlive it.
std::unique_ptr<card::KeyVault> make_key_vault(Pool& pool, const Versions& versions, Abilities abilities,
                                               std::string organisation, std::string card,
                                               AskWithSigningKey signing);

}  // namespace cardea::vault

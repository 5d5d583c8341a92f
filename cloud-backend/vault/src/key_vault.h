#pragma once

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

/// The port of one card; `pool` and `versions` outlive it.
std::unique_ptr<card::KeyVault> make_key_vault(Pool& pool, const Versions& versions, Abilities abilities,
                                               std::string organisation, std::string card);

}  // namespace cardea::vault

#pragma once

#include <vector>

#include "cardea/card/ports/key_vault.h"
#include "cardea/store/key_ledger.h"

namespace cardea::keyring {

/// Where the master key with this identifier (1, 2, 3; 1 where there is one for all) of a set stands.
inline card::KeySlot master_slot(std::uint8_t identifier, std::uint64_t set) {
  return {identifier, set, false};
}

/// The handles of a set, as the vault made them.
inline std::vector<card::KeyHandle> masters_of(const store::CardKeysRow& set) {
  std::vector<card::KeyHandle> out;
  for (const auto& sealed : set.masters) {
    card::KeyHandle handle;
    handle.algorithm = set.algorithm;
    handle.slot = master_slot(static_cast<std::uint8_t>(out.size() + 1), set.number);
    handle.sealed = sealed;
    handle.public_key.algorithm = set.algorithm;
    out.push_back(std::move(handle));
  }
  return out;
}

}  // namespace cardea::keyring

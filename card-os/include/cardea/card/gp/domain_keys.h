#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "cardea/card/gp/key_set.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/ports/store.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::card::gp {

/// Key version number of the keys that a card is delivered with. They go when the first other set comes.
inline constexpr std::uint8_t kInitialVersion = 0xFF;

/// The key set that a new card's security domain is made with: whoever knows it administers the card.
struct SecurityDomainKeys {
  Protocol protocol = Protocol::scp03;
  std::uint8_t options = 0x70;                     ///< the parameter "i"
  std::uint8_t version = kInitialVersion;          ///< 01 to 7F, or FF
  std::array<std::uint8_t, 10> diversification{};  ///< what the keys were derived from; told to every host
  bool well_known = false;                         ///< everybody knows them

  /// Makes the key with that identifier (01 ENC, 02 MAC, 03 DEK), bound to the slot, in the vault of the
  /// card. Which algorithm it is, the handle says: triple DES for SCP02, one of the AES for SCP03, all three
  /// alike.
  std::function<Result<KeyHandle>(std::uint8_t identifier, KeySlot slot)> make;
};

/// Keys that whoever makes the card has in the clear. SCP02: 16 octets each, K1 ‖ K2; SCP03: 16, 24 or 32.
/// `vault` outlives the result. A size that no key has is `invalid` when they are made.
SecurityDomainKeys imported_keys(KeyVault& vault, Protocol protocol, std::uint8_t options, SecretBytes enc,
                                 SecretBytes mac, SecretBytes dek);

/// 40 41 .. 4F three times, which everybody knows: for test cards.
SecurityDomainKeys well_known_keys(KeyVault& vault, Protocol protocol = Protocol::scp03,
                                   std::uint8_t options = 0x70);

/// Which key versions a card has keys for, ascending. Errors: those of the store.
Result<std::vector<std::uint8_t>> key_versions(Store& store);

}  // namespace cardea::card::gp

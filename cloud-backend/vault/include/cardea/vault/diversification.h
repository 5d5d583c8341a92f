#pragma once

#include <array>
#include <cstdint>

#include "cardea/card/ports/key_vault.h"

namespace cardea::vault {

/// How the keys of a card follow from its issuer's master keys. Stored and sent: never renumber.
enum class Diversification : std::uint8_t {
  kdf3 = 1,   ///< SP 800-108, counter mode with AES-CMAC: AES masters, AES keys of the same size
  visa2 = 2,  ///< triple DES of octets 1, 2 and 5 to 8 of the card's data, twice
  emv = 3,    ///< EMV Card Personalization Specification 1.1, 4.1: triple DES of octets 5 to 10, twice
};

/// One of the three static keys of a card's security domain.
struct Derivation {
  Diversification scheme = Diversification::kdf3;
  std::uint8_t identifier = 1;          ///< GlobalPlatform's key identifier: 1 ENC, 2 MAC, 3 DEK
  std::array<std::uint8_t, 10> data{};  ///< key diversification data, as the card tells it
};

/// Whether masters of that kind make keys of this one: kdf3 the same AES, visa2 and emv two-key triple DES or
/// AES-128 from triple DES.
constexpr bool makes(Diversification scheme, card::Algorithm master, card::Algorithm key) {
  const bool des = master == card::Algorithm::tdes;
  if (scheme == Diversification::kdf3) return card::is_symmetric(master) && !des && key == master;
  return des && (key == card::Algorithm::tdes || key == card::Algorithm::aes128);
}

/// What stands in the place of a card in the handle of a master key. Cards have UUIDs.
inline constexpr const char* kMasterCard = "card keys";

/// Octets of a key check value.
inline constexpr std::size_t kCheckValueSize = 3;

}  // namespace cardea::vault

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::vault {

/// How a key came to its vault.
enum class KeyMaking : std::uint8_t {
  unknown = 0,  ///< handles of format 1 do not say
  generated = 1,
  imported = 2
};

/// What stands in `card::KeyHandle::sealed`, formats 1 and 3 (vault/README.md has the layout). Everything
/// before the tag is authenticated by it, so a handle cannot be moved to another card, slot, algorithm or
/// public key.
struct SealedKey {
  static constexpr std::uint8_t kFormat = 1;  ///< without `origin`; read, and written where it is unknown
  static constexpr std::uint8_t kWithOrigin = 3;
  static constexpr std::uint8_t kModeWrapped = 1;
  static constexpr std::uint8_t kModeResident = 2;  ///< `wrapped` is the CKA_ID of a token object
  static constexpr std::uint8_t kModeSoftware = 3;  ///< `wrapped` is as the software token wraps keys
  static constexpr std::size_t kTagSize = 32;

  std::uint8_t mode = kModeWrapped;
  std::uint32_t kek_version = 1;
  Bytes kek_id;  ///< CKA_ID of the key-encryption key, at most 255 octets
  std::string tenant;
  std::string card;
  card::KeySlot slot;
  card::Algorithm algorithm = card::Algorithm::rsa2048;
  KeyMaking origin = KeyMaking::unknown;
  std::array<std::uint8_t, 32> public_digest{};  ///< SHA-256 of `public_key_encoding`
  Bytes wrapped;                                 ///< RFC 5649; of a resident key its CKA_ID
  std::array<std::uint8_t, kTagSize> tag{};

  /// All that the tag covers. Errors: `invalid` when a name is longer than 255 octets.
  [[nodiscard]] Result<Bytes> authenticated_part() const;

  /// Errors: `corrupt` for whatever `authenticated_part` followed by a tag could not have been.
  static Result<SealedKey> parse(BytesView octets);
};

/// What stands in the place of a card in the handle of a key that was made ahead (Op::adopt); its slot is {0,
/// 0}. Cards have UUIDs.
inline constexpr const char* kPoolCard = "pool";

/// The octets whose SHA-256 stands for a public key: algorithm, then modulus, exponent and point, each with a
/// two-octet length.
Bytes public_key_encoding(card::Algorithm algorithm, const card::PublicKey& key);

}  // namespace cardea::vault

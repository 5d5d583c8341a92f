#pragma once

#include <cstdint>
#include <string_view>

#include "cardea/api/hpke.h"
#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::vault {

/// Sealed key, format 2 (README.md): another handle (format 1) inside a layer that only the card's secret
/// opens.
struct PasscodeKey {
  static constexpr std::uint8_t kFormat = 2;

  std::uint32_t kek_version =
      1;  ///< of the handle inside, so that a rotation can count without opening; 0: it names none
  api::hpke::PublicKey card_key{};  ///< the card's public key, to which it was sealed
  api::Aead aead = api::kDefaultAead;
  Bytes sealed;  ///< HPKE

  /// Errors: `corrupt`.
  static Result<PasscodeKey> parse(BytesView octets);
  [[nodiscard]] Bytes encode() const;
};

/// Whether a handle has the outer layer.
[[nodiscard]] bool has_passcode_layer(BytesView handle);

/// Puts a handle into the outer layer. `key` names slot, algorithm and public key. Errors: `invalid` for a
/// card key of small order or overlong names.
Result<Bytes> seal_with_passcode(const card::KeyHandle& key, std::string_view tenant, std::string_view card,
                                 const api::hpke::PublicKey& card_key,
                                 const api::Randomness& random = api::system_randomness());

/// The handle inside. Errors: `denied` when the secret is not the one it was sealed to; `corrupt` when it was
/// damaged or belongs to another tenant, card, slot, version or public key.
Result<Bytes> open_with_passcode(const card::KeyHandle& key, std::string_view tenant, std::string_view card,
                                 const api::hpke::KeyPair& secret);

}  // namespace cardea::vault

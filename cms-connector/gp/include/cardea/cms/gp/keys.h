#pragma once

#include <cstdint>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::gp {

/// What a key is for; the number is its key identifier on the card (GP Card Specification 2.3.1, H.5).
enum class KeyUse : std::uint8_t { enc = 1, mac = 2, dek = 3 };

/// The cipher a key is made for; the number is the key type of PUT KEY (GP Card Specification, table 11-16).
enum class KeyType : std::uint8_t { tdes = 0x80, aes = 0x88 };

/// The three static keys of a security domain under one key version number.
struct Keyset {
  KeyType type = KeyType::aes;
  std::uint8_t version = 0;  ///< 1 to 7F, FF for a card's first keys; 0 asks for the card's default key set
  SecretBytes enc;           ///< 16 octets (3DES, K1 K2), or 16, 24 or 32 (AES); all three of one length
  SecretBytes mac;
  SecretBytes dek;

  /// The same octets in all three places: a master key, or the keys of a test card.
  static Keyset same(KeyType type, const SecretBytes& key, std::uint8_t version = 0);

  [[nodiscard]] const SecretBytes& of(KeyUse use) const;
  [[nodiscard]] Keyset clone() const;

  /// Errors: `invalid` when a key does not have the length its type asks for.
  [[nodiscard]] Result<void> check() const;
};

/// How a card's keys follow from the issuer's master keys and the ten octets of key diversification data with
/// which the card answers INITIALIZE UPDATE.
enum class Diversification : std::uint8_t {
  none,   ///< the keys are the card's own
  visa2,  ///< 3DES of KDD octets 1-2 and 5-8, twice
  emv,    ///< EMV Card Personalization Specification 2.0.2: 3DES of the last six octets of the KDD, twice
  kdf3,   ///< SP 800-108 in counter mode with AES-CMAC, for SCP03 keys of any length
};

/// The card's own keys. `wanted` is the type that the card's protocol asks for: what a 3DES master makes with
/// visa2 or emv may serve as AES-128. Version and, with `none`, type stay those of `master`.
///
/// Errors: `invalid` (lengths, or a scheme that does not go with the master's type).
Result<Keyset> diversify(const Keyset& master, BytesView kdd, Diversification scheme, KeyType wanted);

/// The first three octets of the key check value. 3DES: a block of zeros in ECB (GP Card Specification, B.5);
/// AES: a block of ones, 01..01 (Amendment D, 4.1.4). Public by design.
Result<Bytes> key_check_value(KeyType type, const SecretBytes& key);

}  // namespace cardea::cms::gp

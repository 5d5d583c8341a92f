#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/apdu/tlv.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/result.h"
#include "cardea/secret.h"

namespace cardea::card::piv {

inline constexpr std::uint32_t kCertificateElement = 0x8A;  ///< card verifiable, of a secure messaging key

/// A key on its way into a slot, element by element, as card management systems load it through a secure
/// channel: 80 symmetric key; 81 n, 82 e, 83 p, 84 q, 85 dp, 86 dq, 87 qinv; 88 public point, 89 scalar.
class KeyLoad {
 public:
  KeyLoad(Algorithm algorithm, std::uint8_t reference) : algorithm_{algorithm}, reference_{reference} {}

  [[nodiscard]] bool is_for(Algorithm algorithm, std::uint8_t reference) const {
    return algorithm_ == algorithm && reference_ == reference;
  }
  [[nodiscard]] Algorithm algorithm() const { return algorithm_; }

  /// Errors: 6A80 for an element that keys of this algorithm do not have, or of a wrong length; 6A81 for 8A,
  /// a certificate of a secure messaging key.
  CardResult<void> add(std::uint32_t tag, BytesView value);

  /// Whether the private key, or the symmetric one, is all there.
  [[nodiscard]] bool complete() const;
  /// Whether what was said of the public key is true of this one. Nothing said is true.
  [[nodiscard]] bool agrees_with(const PublicKey& key) const;
  /// Whether it is the management key that every card is delivered with.
  [[nodiscard]] bool is_factory_management_key() const;
  /// Takes the key into the vault.
  CardResult<KeyHandle> import(KeyVault& vault, KeySlot slot) const;
  /// One bit for each element that is there, 80 the lowest: for the state digest.
  [[nodiscard]] std::uint16_t present() const;

 private:
  static constexpr std::uint32_t kFirstTag = 0x80;
  static constexpr std::size_t kElements = 10;
  [[nodiscard]] const SecretBytes& element(std::uint32_t tag) const { return elements_.at(tag - kFirstTag); }
  [[nodiscard]] bool has(std::uint32_t tag) const { return !element(tag).empty(); }
  [[nodiscard]] std::size_t size_of(std::uint32_t tag) const;

  Algorithm algorithm_;
  std::uint8_t reference_;
  std::array<SecretBytes, kElements> elements_;
};

/// `30 L {elements}`; nothing when it is something else.
std::optional<std::vector<apdu::Tlv>> read_elements(BytesView data);

}  // namespace cardea::card::piv

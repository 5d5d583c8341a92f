#pragma once

#include <cstdint>
#include <optional>

#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::card::gp {

/// Secure channel protocols by their GlobalPlatform number.
enum class Protocol : std::uint8_t {
  scp02 = 0x02,  ///< Card Specification 2.3.1, appendix E; triple DES
  scp03 = 0x03,  ///< Amendment D; AES
};

/// Bits of the parameter "i" of SCP03 (Amendment D, 5.1). SCP02 has 15 and 55, whose 40 is the challenge.
namespace option {
inline constexpr std::uint8_t kPseudoRandom03 = 0x10;
inline constexpr std::uint8_t kResponseMac03 = 0x20;
inline constexpr std::uint8_t kResponseEncryption03 = 0x40;
inline constexpr std::uint8_t kPseudoRandom02 = 0x40;
}  // namespace option

/// The three static keys of a security domain under one key version number, and how they are used.
///
/// SCP02: Algorithm::tdes, the 16 octets K1 ‖ K2 kept as K1 ‖ K2 ‖ K1. SCP03: AES, all three of one size.
struct KeySet {
  std::uint8_t version = 0;  ///< key version number, 01 to 7F, or FF for the initial keys
  Protocol protocol = Protocol::scp03;
  std::uint8_t options = 0x60;  ///< the parameter "i"
  KeyHandle encryption;         ///< identifier 01, ENC
  KeyHandle mac;                ///< identifier 02, MAC
  KeyHandle sensitive;          ///< identifier 03, DEK
  /// Another number whenever the keys under this version are other ones: a session lives no longer than the
  /// set it was opened with.
  std::uint64_t generation = 0;
};

/// Whether the challenge of the card follows from the sequence counter instead of chance.
constexpr bool pseudo_random_challenge(const KeySet& keys) {
  const auto bit = keys.protocol == Protocol::scp02 ? option::kPseudoRandom02 : option::kPseudoRandom03;
  return (keys.options & bit) != 0;
}

/// Whether sessions of these keys are numbered: always in SCP02, with a pseudo-random challenge in SCP03.
constexpr bool numbered(const KeySet& keys) {
  return keys.protocol == Protocol::scp02 || pseudo_random_challenge(keys);
}

/// The key sets of one security domain, which its owner looks after.
class KeySets {
 public:
  KeySets() = default;
  KeySets(const KeySets&) = delete;
  KeySets& operator=(const KeySets&) = delete;
  virtual ~KeySets() = default;

  /// The set with that version; 00 asks for the default one. Nothing when there is none.
  virtual Result<std::optional<KeySet>> find(std::uint8_t version) = 0;
};

}  // namespace cardea::card::gp

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cardea::cms::piv {

/// Algorithms of key pairs (SP 800-78-4 table 6-2; 16 is Yubico's). The value is the identifier on the wire.
enum class KeyAlgorithm : std::uint8_t {
  rsa2048 = 0x07,
  rsa3072 = 0x05,
  rsa4096 = 0x16,
  p256 = 0x11,
  p384 = 0x14
};

struct KeyAlgorithmInfo {
  KeyAlgorithm algorithm;
  std::string_view name;   ///< in plans: "rsa2048"
  std::string_view title;  ///< for people: "RSA-2048"
  bool rsa;
  std::size_t size;  ///< octets of the modulus, or of a coordinate
};

const KeyAlgorithmInfo& info(KeyAlgorithm algorithm);
std::optional<KeyAlgorithm> key_algorithm_named(std::string_view name);
std::optional<KeyAlgorithm> key_algorithm_of(std::uint8_t wire);

/// Algorithms of the card management key 9B.
enum class AdminAlgorithm : std::uint8_t { tdes = 0x03, aes128 = 0x08, aes192 = 0x0A, aes256 = 0x0C };

struct AdminAlgorithmInfo {
  AdminAlgorithm algorithm;
  std::string_view name;   ///< in plans: "aes256"
  std::string_view title;  ///< for people: "AES-256"
  std::size_t key_size;
  std::size_t block_size;
};

const AdminAlgorithmInfo& info(AdminAlgorithm algorithm);
std::optional<AdminAlgorithm> admin_algorithm_named(std::string_view name);
std::optional<AdminAlgorithm> admin_algorithm_of(std::uint8_t wire);

/// Yubico's policies (values on the wire); `standard` leaves the decision to the card.
enum class PinPolicy : std::uint8_t { standard = 0, never = 1, once = 2, always = 3 };
enum class TouchPolicy : std::uint8_t { standard = 0, never = 1, always = 2, cached = 3 };

std::optional<PinPolicy> pin_policy_named(std::string_view name);
std::optional<TouchPolicy> touch_policy_named(std::string_view name);
std::string_view name(PinPolicy policy);
std::string_view name(TouchPolicy policy);

/// A slot: a key reference and the data object of its certificate (SP 800-73-4 Part 1, tables 3 and 4b).
struct Slot {
  std::uint8_t reference = 0;
  std::uint32_t certificate_tag = 0;
  friend bool operator==(const Slot&, const Slot&) = default;
};

/// One of 82 to 95, for old encryption keys.
bool is_retired(const Slot& slot);
/// All slots: 9A, 9C, 9D, 9E, and 82 to 95.
std::vector<Slot> all_slots();

/// "9A", "9C", "9D", "9E" and "82" to "95", in either case; nothing for anything else.
std::optional<Slot> slot_named(std::string_view name);
/// "9A".
std::string name(const Slot& slot);

/// Key references of PIN and PUK.
inline constexpr std::uint8_t kPinReference = 0x80;
inline constexpr std::uint8_t kPukReference = 0x81;
inline constexpr std::uint8_t kAdminReference = 0x9B;

namespace tag {
inline constexpr std::uint32_t kCcc = 0x5FC107;
inline constexpr std::uint32_t kChuid = 0x5FC102;
inline constexpr std::uint32_t kDiscovery = 0x7E;
inline constexpr std::uint32_t kKeyHistory = 0x5FC10C;
}  // namespace tag

/// What a data object is called: "CHUID", "certificate of 9A", "object 5FC1FF".
std::string object_name(std::uint32_t tag);

}  // namespace cardea::cms::piv

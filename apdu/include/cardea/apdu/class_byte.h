#pragma once

#include <cstdint>
#include <optional>

namespace cardea::apdu {

/// How the command is protected, as the class byte announces it (ISO/IEC 7816-4, 5.4.1).
enum class SecureMessaging : std::uint8_t {
  none,
  proprietary,           ///< also GlobalPlatform's 84
  header_not_processed,  ///< ISO secure messaging, header not authenticated
  header_authenticated,  ///< ISO secure messaging, header authenticated
};

/// CLA, taken apart.
struct ClassByte {
  std::uint8_t value = 0;     ///< as received
  std::uint8_t channel = 0;   ///< logical channel, 0 to 19
  bool chaining = false;      ///< not the last command of a chain
  bool interindustry = true;  ///< false for 80 to FE
  SecureMessaging secure_messaging = SecureMessaging::none;

  /// The same class byte without the chaining bit: what all parts of a chain have in common.
  [[nodiscard]] std::uint8_t without_chaining() const;

  friend bool operator==(const ClassByte&, const ClassByte&) = default;
};

/// Nothing for FF, which belongs to PPS and is no class byte, and for the range that ISO reserves (20 to 3F).
std::optional<ClassByte> parse_class_byte(std::uint8_t cla);

}  // namespace cardea::apdu

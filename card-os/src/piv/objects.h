#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cardea/bytes.h"

namespace cardea::card::piv {

inline constexpr std::uint32_t kDiscovery = 0x7E;
inline constexpr std::uint32_t kBiometricGroup = 0x7F61;
inline constexpr std::uint32_t kAttestationCertificate = 0x5FFF01;

/// What the card knows of a data object before it looks at its content.
struct ObjectRule {
  std::uint32_t first_tag = 0;
  std::uint32_t last_tag = 0;
  bool needs_pin = false;    ///< to be read
  std::size_t capacity = 0;  ///< octets of content
  std::string_view name;
};

/// The rule for a tag; null when no object with this tag can exist.
const ObjectRule* find_object(std::uint32_t tag);

/// Whether the object is its own template (7E, 7F61) instead of being the content of a 53.
constexpr bool is_own_template(std::uint32_t tag) {
  return tag == kDiscovery || tag == kBiometricGroup;
}

/// The discovery object of a card with application PIN only.
BytesView discovery_object();

}  // namespace cardea::card::piv

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cardea/bytes.h"

namespace cardea::card {

/// A kind of card: which applications it has and how it presents itself. Profiles are constants of the
/// program.
struct Profile {
  std::string_view name;   ///< "piv-nist", "piv-yubikey5": used in configuration, the database and the API
  std::string_view title;  ///< for people
  BytesView atr;           ///< answer to reset
  bool yubico = false;     ///< Yubico's commands and the management applet
  /// GlobalPlatform channels may be opened to the application itself, and make their host its administrator;
  /// the card manager may delete, make and fill it. The card manager is on every card.
  bool global_platform = false;
};

/// All profiles, in the order in which they are listed to people.
std::span<const Profile> profiles();

/// By name; null when there is none.
const Profile* find_profile(std::string_view name);

}  // namespace cardea::card

#pragma once

#include <cstdint>

#include "cardea/bytes.h"
#include "cardea/hex.h"

namespace cardea::card::yubico {

/// What the card says it is. From 5.3 on tools read metadata and from 5.4 on they set AES management
/// keys; 5.7 changes defaults and adds F6.
inline constexpr auto kVersion = "050403"_hex;
inline constexpr auto kVersionText = "5.4.3";

inline constexpr std::uint8_t kFormFactor = 0x01;  ///< USB-A keychain

}  // namespace cardea::card::yubico

#pragma once

#include <cstdint>

#include "cardea/pcsc_link/vocabulary.h"
#include "winscard_api.h"

namespace cardea::winscard {

inline constexpr DWORD kWindowsRaw = 0x10000;  // SCARD_PROTOCOL_RAW

/// Protocols of Windows as the core's.
inline std::uint32_t protocols_in(DWORD windows) {
  namespace protocol = pcsc_link::protocol;
  auto out = windows & (protocol::kT0 | protocol::kT1);
  if ((windows & kWindowsRaw) != 0) out |= protocol::kRaw;
  // SCARD_PROTOCOL_DEFAULT leaves the choice to us, and SCARD_PROTOCOL_OPTIMAL is 0.
  if ((windows & SCARD_PROTOCOL_DEFAULT) != 0 && out == 0) out = protocol::kT0 | protocol::kT1;
  return out;
}

/// The core's protocol as Windows'.
inline DWORD protocol_out(std::uint32_t core) {
  return core == pcsc_link::protocol::kRaw ? kWindowsRaw : core;
}

}  // namespace cardea::winscard

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cardea/bytes.h"
#include "cardea/pcsc_link/vocabulary.h"

namespace cardea::winscard {

using pcsc_link::Code;

/// dwCurrentState and dwEventState of SCARD_READERSTATE; the upper 16 bits count insertions and removals.
namespace watch {
inline constexpr std::uint32_t kUnaware = 0x0000;
inline constexpr std::uint32_t kIgnore = 0x0001;
inline constexpr std::uint32_t kChanged = 0x0002;
inline constexpr std::uint32_t kUnknown = 0x0004;
inline constexpr std::uint32_t kUnavailable = 0x0008;
inline constexpr std::uint32_t kEmpty = 0x0010;
inline constexpr std::uint32_t kPresent = 0x0020;
inline constexpr std::uint32_t kAtrMatch = 0x0040;
inline constexpr std::uint32_t kExclusive = 0x0080;
inline constexpr std::uint32_t kInUse = 0x0100;
inline constexpr std::uint32_t kMute = 0x0200;
inline constexpr std::uint32_t kUnpowered = 0x0400;
}  // namespace watch

/// The reader that stands for readers coming and going; compare without regard to case.
inline constexpr const char* kPlugAndPlay = R"(\\?PnP?\Notification)";
bool is_plug_and_play(const std::string& name);

/// The most readers that one call may watch in pcsc-lite, and more than Windows takes.
inline constexpr std::size_t kMaxWatched = 16;

/// One SCARD_READERSTATE.
struct Watched {
  std::string name;
  std::uint32_t current = watch::kUnaware;
  std::uint32_t event = 0;
  std::optional<Bytes> atr;  ///< of the card that `event` is about, empty without one; nothing unless `event`
                             ///< is about a reader
};

/// What SCardGetStatusChange makes of the readers it sees: the systems differ.
struct ChangePolicy {
  /// Asked once. Another code than kSuccess ends the call.
  Code (*admit)(std::span<const Watched> watched, const pcsc_link::ReaderList& now);
  /// Asked at each look: fills in the events (0 for an ignored reader), and says whether the call is over.
  /// `before` is what the look before saw; at the first look the same as `now`.
  bool (*judge)(std::span<Watched> watched, const pcsc_link::ReaderList& before,
                const pcsc_link::ReaderList& now);
};

/// As pcsc-lite 1.9 does: an unknown reader is an error, and the plug and play reader tells of a change
/// during the call only.
extern const ChangePolicy kPcscliteChanges;

}  // namespace cardea::winscard

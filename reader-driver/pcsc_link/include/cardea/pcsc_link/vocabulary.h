#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cardea/bytes.h"

// The words of PC/SC (Interoperability Specification for ICCs and Personal Computer Systems, part 5) that the
// connector and the agent say to each other. Values are those of winscard.h, which Windows and pcsc-lite
// share except where said. No header of theirs is included: this is compiled for both.
namespace cardea::pcsc_link {

/// What an SCard* function returns, as 32 bits without sign.
using Code = std::uint32_t;

namespace code {
inline constexpr Code kSuccess = 0;
inline constexpr Code kInternalError = 0x80100001;
inline constexpr Code kCancelled = 0x80100002;
inline constexpr Code kInvalidHandle = 0x80100003;
inline constexpr Code kInvalidParameter = 0x80100004;
inline constexpr Code kNoMemory = 0x80100006;
inline constexpr Code kInsufficientBuffer = 0x80100008;
inline constexpr Code kUnknownReader = 0x80100009;
inline constexpr Code kTimeout = 0x8010000A;
inline constexpr Code kSharingViolation = 0x8010000B;
inline constexpr Code kNoSmartcard = 0x8010000C;
inline constexpr Code kProtocolMismatch = 0x8010000F;
inline constexpr Code kInvalidValue = 0x80100011;
inline constexpr Code kCommunicationError = 0x80100013;
inline constexpr Code kNotTransacted = 0x80100016;
inline constexpr Code kReaderUnavailable = 0x80100017;
inline constexpr Code kNoService = 0x8010001D;
inline constexpr Code kServiceStopped = 0x8010001E;
/// Windows' value. pcsc-lite has 0x8010001F under the same name; its exports translate.
inline constexpr Code kUnsupportedFeature = 0x80100022;
inline constexpr Code kNoReadersAvailable = 0x8010002E;
inline constexpr Code kUnresponsiveCard = 0x80100066;
inline constexpr Code kUnpoweredCard = 0x80100067;
inline constexpr Code kResetCard = 0x80100068;
inline constexpr Code kRemovedCard = 0x80100069;
}  // namespace code

namespace scope {
inline constexpr std::uint32_t kUser = 0;
inline constexpr std::uint32_t kTerminal = 1;
inline constexpr std::uint32_t kSystem = 2;
inline constexpr std::uint32_t kGlobal = 3;
}  // namespace scope

/// dwShareMode.
namespace share {
inline constexpr std::uint32_t kExclusive = 1;
inline constexpr std::uint32_t kShared = 2;
inline constexpr std::uint32_t kDirect = 3;
}  // namespace share

/// Protocols as bits; a connection has one of them, or none.
namespace protocol {
inline constexpr std::uint32_t kUndefined = 0;
inline constexpr std::uint32_t kT0 = 1;
inline constexpr std::uint32_t kT1 = 2;
/// pcsc-lite's bit. Windows has 0x10000; its exports translate.
inline constexpr std::uint32_t kRaw = 4;
/// What old programs say for "T=0 or T=1".
inline constexpr std::uint32_t kAnyOld = 0x1000;
}  // namespace protocol

/// dwDisposition and dwInitialization.
namespace disposition {
inline constexpr std::uint32_t kLeave = 0;
inline constexpr std::uint32_t kReset = 1;
inline constexpr std::uint32_t kUnpower = 2;
inline constexpr std::uint32_t kEject = 3;
}  // namespace disposition

/// The state of a reader as bits, in pcsc-lite's values of SCardStatus. Windows' SCardStatus counts instead
/// (absent 1, present 2, swallowed 3, powered 4, negotiable 5, specific 6); its exports translate.
namespace reader_state {
inline constexpr std::uint32_t kUnknown = 0x01;
inline constexpr std::uint32_t kAbsent = 0x02;
inline constexpr std::uint32_t kPresent = 0x04;
inline constexpr std::uint32_t kSwallowed = 0x08;  ///< present and mute
inline constexpr std::uint32_t kPowered = 0x10;
inline constexpr std::uint32_t kNegotiable = 0x20;
inline constexpr std::uint32_t kSpecific = 0x40;
}  // namespace reader_state

inline constexpr std::int32_t kExclusivelyShared = -1;

/// What can be seen of a reader without a connection to it.
struct ReaderRecord {
  std::string name;
  std::uint32_t state = reader_state::kAbsent;
  std::uint16_t events = 0;  ///< insertions and removals so far; after 65 535 comes 0
  std::int32_t sharing = 0;  ///< connections, or kExclusivelyShared
  std::uint32_t protocol = protocol::kUndefined;
  Bytes atr;  ///< empty without a card; at most 33 octets

  friend bool operator==(const ReaderRecord&, const ReaderRecord&) = default;
};

/// All readers at one moment.
struct ReaderList {
  std::uint64_t generation = 0;  ///< another one whenever something in `readers` is different
  std::vector<ReaderRecord> readers;

  friend bool operator==(const ReaderList&, const ReaderList&) = default;
};

/// An SCARDHANDLE as a session knows it; unique within its session.
using CardId = std::uint32_t;

/// What SCardConnect and SCardReconnect return.
struct Connected {
  CardId card = 0;  ///< 0 when there is no connection
  std::uint32_t protocol = protocol::kUndefined;

  friend bool operator==(const Connected&, const Connected&) = default;
};

/// A response, and the protocol that it came by.
struct Transmitted {
  std::uint32_t protocol = protocol::kUndefined;
  Bytes response;

  friend bool operator==(const Transmitted&, const Transmitted&) = default;
};

/// A limit in milliseconds that never comes.
inline constexpr std::uint32_t kInfinite = 0xFFFFFFFF;

/// SCARD_CTL_CODE(3400) of pcsc-lite: which features of PC/SC part 10 a reader has. Windows codes it
/// 0x00313520; its exports translate.
inline constexpr std::uint32_t kGetFeatureRequest = 0x42000000 + 3400;

}  // namespace cardea::pcsc_link

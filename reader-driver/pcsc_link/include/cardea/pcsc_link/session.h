#pragma once

#include <cstdint>
#include <string>

#include "cardea/bytes.h"
#include "cardea/pcsc_link/vocabulary.h"

namespace cardea::pcsc_link {

/// One context (SCARDCONTEXT) at a resource manager: what a program may ask of it. Implemented by the
/// resource manager itself, and by RemoteSession, which asks one in another process.
///
/// Laws. One call at a time, except `cancel` and `abandon`, which any thread may call at any time. Nothing
/// throws but std::bad_alloc. A context ends by `release`, or at the latest by the destructor: a transaction
/// of its own is broken off by a reset of the card, connections end without one. When the resource manager is
/// gone, every call returns kNoService, those that are waiting included. Calls that another connection's
/// transaction stands in the way of wait for its end, where PC/SC implementations do: `connect`, `reconnect`,
/// `begin`, `status` with `wait`, `transmit`, and `disconnect` with a reset.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  /// Codes: kUnknownReader, kSharingViolation, kNoSmartcard, kProtocolMismatch, kInvalidValue,
  /// kUnresponsiveCard.
  virtual Code connect(const std::string& reader, std::uint32_t share, std::uint32_t protocols,
                       Connected& out) = 0;
  /// Codes: as above, and kInvalidHandle.
  virtual Code reconnect(CardId card, std::uint32_t share, std::uint32_t protocols,
                         std::uint32_t initialization, Connected& out) = 0;
  virtual Code disconnect(CardId card, std::uint32_t disposition) = 0;

  /// Waits its turn. Transactions of one connection nest. Codes: kResetCard, kRemovedCard.
  virtual Code begin(CardId card) = 0;
  /// Codes: kNotTransacted without a transaction of this connection, kSharingViolation within another's.
  virtual Code end(CardId card, std::uint32_t disposition) = 0;

  /// The connection's reader. `out` is filled whenever the handle is valid. Codes: kResetCard, kRemovedCard,
  /// kSharingViolation (not with `wait`).
  virtual Code status(CardId card, bool wait, ReaderRecord& out) = 0;

  /// One command APDU. What is no command is answered 6700. Codes: kResetCard, kRemovedCard, kNoSmartcard,
  /// kProtocolMismatch, kNotTransacted when the card was lost on the way.
  virtual Code transmit(CardId card, std::uint32_t protocol, BytesView command, Transmitted& out) = 0;

  /// A control code and its input to the reader. Codes: kSharingViolation, kUnsupportedFeature.
  virtual Code control(CardId card, std::uint32_t control_code, BytesView input, Bytes& out) = 0;

  virtual Code readers(ReaderList& out) = 0;

  /// Returns when the list is of another generation than `known`, or after `limit` milliseconds. `call` names
  /// the program's call that this wait is a part of; see `cancel`. Codes: kTimeout, kCancelled.
  virtual Code wait(std::uint32_t call, std::uint64_t known, std::uint32_t limit, ReaderList& out) = 0;

  /// Ends the waits that are part of `call`: the one under way and all to come.
  virtual void cancel(std::uint32_t call) noexcept = 0;

  /// Ends the context and everything in it; back when that is done. Only the destructor may be called then.
  virtual Code release() = 0;

  /// Forgets the context without a word to the resource manager: in a child after fork(), where the parent
  /// goes on using it. Takes no lock. Afterwards only the destructor may be called.
  virtual void abandon() noexcept = 0;
};

}  // namespace cardea::pcsc_link

#pragma once

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::cms {

/// A connected card that answers one APDU at a time. PcscChannel is the real one; tests script theirs.
class Channel {
 public:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  Channel(Channel&&) = delete;
  Channel& operator=(Channel&&) = delete;
  virtual ~Channel() = default;

  /// One command APDU, one response APDU. Errors: `unavailable` when card or reader are gone or were reset.
  virtual Result<Bytes> transmit(BytesView command) = 0;

  /// From here to `end` no other program may talk to the card. Errors as for `transmit`.
  virtual Result<void> begin() = 0;
  virtual void end() noexcept = 0;
};

/// Sends one logical command: data of more than 255 octets goes out as a command chain (CLA bit 10) unless
/// the command asks for extended length, `61xx` is followed by GET RESPONSE, `6Cxx` by the same command with
/// the Le that the card asks for. Every buffer that carried the command is wiped, since it may have held a
/// PIN.
///
/// Errors: those of the channel; `corrupt` when an answer has no status word or never ends.
Result<apdu::Response> exchange(Channel& channel, const apdu::Command& command);

}  // namespace cardea::cms

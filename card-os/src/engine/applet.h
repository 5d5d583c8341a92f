#pragma once

#include <string_view>

#include "cardea/apdu/aid.h"
#include "cardea/apdu/command.h"
#include "cardea/bytes.h"
#include "cardea/card/card.h"
#include "cardea/card/result.h"
#include "engine/protection.h"

namespace cardea::card {

namespace sw = apdu::sw;
using apdu::Command;

/// What a successful command returns: data, and 9000 or a warning; the pipeline makes 61XX of it where the
/// data is too long.
struct Reply {
  Bytes data;
  apdu::StatusWord sw = sw::kOk;
};

/// One complete command, carried out.
struct Step {
  CardResult<Reply> result;
  Effect effect = Effect::pure;
  std::string_view command;  ///< name for the log; empty when the instruction is unknown
};

/// One application of the card. It sees complete commands only: class byte, chaining and GET RESPONSE are the
/// pipeline's.
class Applet {
 public:
  Applet() = default;
  Applet(const Applet&) = delete;
  Applet& operator=(const Applet&) = delete;
  virtual ~Applet() = default;

  [[nodiscard]] virtual const apdu::Aid& aid() const = 0;

  /// Its secure channel; null for an application that has none. Always the same.
  [[nodiscard]] virtual Protection* protection() { return nullptr; }
  /// Whether it knows commands of class 80.
  [[nodiscard]] virtual bool takes_class_80() const { return false; }

  /// The answer to SELECT. Selecting an application again changes nothing in it, but for its secure channel,
  /// which ends.
  virtual Reply select() = 0;

  /// Another application was selected, or the card was reset: all volatile state is gone.
  virtual void deselect() noexcept = 0;

  /// A complete command begins, whoever is going to answer it. What is good for the next command only, is
  /// good for this one and not for the one after. `pins` is there until the command has ended.
  virtual void begin_command(const PinInput* pins) noexcept = 0;

  virtual Step run(const Command& command) = 0;

  /// Appends the canonical volatile state, for the state digest.
  virtual void append_state(Bytes& out) const = 0;

  /// Whether the volatile state lets this session do what a fresh one may not: see Card.
  [[nodiscard]] virtual bool has_security_status() const = 0;
  /// See Card::holder_verified.
  [[nodiscard]] virtual bool holder_verified() const { return false; }
};

}  // namespace cardea::card

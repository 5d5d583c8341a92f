#pragma once

#include <cstdint>

#include "cardea/apdu/aid.h"
#include "cardea/apdu/class_byte.h"
#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/card/result.h"

namespace cardea::card {

/// A secure channel as the pipeline sees it: what comes off commands before parts of a chain are joined and
/// the application sees them, and goes onto their responses. SELECT and GET RESPONSE never pass through it
/// unless they are protected themselves: they belong to the card, not to the application.
class Protection {
 public:
  Protection() = default;
  Protection(const Protection&) = delete;
  Protection& operator=(const Protection&) = delete;
  virtual ~Protection() = default;

  /// Whether commands with this kind of secure messaging are for it, as things stand. Others are 6882.
  [[nodiscard]] virtual bool expects(apdu::SecureMessaging kind) const = 0;
  /// Whether a channel is open or about to be: plain commands have to pass through it too.
  [[nodiscard]] virtual bool active() const = 0;
  /// Whether the command opens a channel, and so is the application's as it comes.
  [[nodiscard]] virtual bool opens(const apdu::Command& command) const = 0;

  /// The command without its protection. The caller wipes the data. Errors: what goes out as it is.
  virtual CardResult<apdu::Command> unwrap(const apdu::Command& command) = 0;
  /// A protected command came in parts that cannot be put together: what was open is over. The status word.
  virtual apdu::StatusWord not_joined() noexcept = 0;
  /// The answer to the command last unwrapped, protected.
  virtual apdu::Response wrap(apdu::Response response) = 0;
};

/// Which applications of the card can be selected, and go on being selected. What others were doing ends with
/// their next command, which goes to the card manager.
class Availability {
 public:
  Availability() = default;
  Availability(const Availability&) = delete;
  Availability& operator=(const Availability&) = delete;
  virtual ~Availability() = default;

  /// Once a command: how things stand.
  virtual CardResult<void> look() = 0;
  /// As it was when it was looked at last.
  [[nodiscard]] virtual bool selectable(const apdu::Aid& aid) const = 0;
  /// Another number for each time that applications were deleted and made anew: what a session was doing with
  /// the one before is over.
  [[nodiscard]] virtual std::uint64_t instance() const = 0;
};

}  // namespace cardea::card

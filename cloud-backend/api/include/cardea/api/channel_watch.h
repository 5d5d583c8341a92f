#pragma once

#include <cstdint>
#include <optional>

#include "cardea/apdu/command.h"
#include "cardea/bytes.h"

namespace cardea::api {

/// What somebody on the way, who has no keys, can tell of the secure channels into a card: from the commands
/// that open and end them and from their answers.
///
/// A channel that was ended by a violation counts as open still: which one the card has noticed cannot be
/// seen. So a command is looked at as well, also in an open channel.
class ChannelWatch {
 public:
  /// A command goes to the card.
  void sent(const apdu::Command& command);
  /// The answer to the one that was sent last.
  void answered(BytesView response);
  /// The card was reset: no channel is left.
  void reset() { *this = {}; }

  /// Whether the data field of this command is what an open channel makes of it, and not a PIN that somebody
  /// has put there as it is. `whole` is the field with those of the parts before it. Under ISO's secure
  /// messaging (SP 800-73-4 Part 2, 4.2) these are its data objects, cut into parts as a whole; under
  /// GlobalPlatform's each part has a MAC (Card Specification 2.3.1, E.4.4 and E.4.6; Amendment D, 6.2.4 and
  /// 6.2.6). A channel of MACs alone hides nothing, and this does not say that it does: what whoever has its
  /// keys wraps so is theirs to show.
  [[nodiscard]] bool made(const apdu::Command& command, BytesView whole) const;

  /// Whether GlobalPlatform's channel is open at a level at which commands stay as they are.
  [[nodiscard]] bool open_without_protection() const { return level_ == 0; }

 private:
  [[nodiscard]] bool made_by_global_platform(BytesView field) const;

  struct Awaited {
    std::uint8_t ins = 0;
    std::uint8_t p1 = 0;
  };
  std::optional<Awaited> awaited_;     ///< a command that opens or ends a channel when it succeeds
  std::optional<std::uint8_t> level_;  ///< of GlobalPlatform's channel
  bool blocks_of_16_ = false;          ///< in which it encrypts; of eight otherwise
  bool messaging_ = false;             ///< keys were agreed on for PIV's
};

}  // namespace cardea::api

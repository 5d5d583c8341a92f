#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cardea/api/channel_watch.h"
#include "cardea/bytes.h"
#include "cardea/secret.h"

namespace cardea::api {

/// The PINs of a command, and where they stood.
struct ShownPins {
  std::uint8_t reference = 0;      ///< whose value is shown: 80 PIN, 81 PUK
  std::uint8_t new_reference = 0;  ///< whose value is set; 0: nobody's
  SecretBytes field;               ///< the whole data field, of all parts of a chain
};

/// What is left of a command when its PINs have been taken out.
struct StrippedCommand {
  Bytes apdu;                      ///< as it was, with zeroes in place of each octet that may be of a PIN
  std::optional<ShownPins> shown;  ///< where a complete command shows one
  std::optional<Bytes> answer{};   ///< what it is answered; then it does not go to the card at all
};

/// Takes the PINs out of an application's commands: VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER of
/// ISO/IEC 7816-4, short, extended, and in parts. What a secure channel has made of a command goes through as
/// it is: nobody on the way can read it. A class byte that says so is not enough (channel_watch.h): without
/// the channel zeroes go in the place of the data, and the card answers what it answers to any such command
/// (6882, 6982, 6987, 6988), which costs no try. The same goes for classes in which these commands are
/// nobody's.
class PinStripper {
 public:
  /// In the order in which the application gives them. Wipes what it takes out.
  StrippedCommand strip(Bytes apdu);
  /// What the card has answered to the command last stripped.
  void answered(BytesView response) { channels_.answered(response); }
  /// The card was reset: what was begun is forgotten.
  void reset();

 private:
  struct Chain {
    std::array<std::uint8_t, 4> header{};
    SecretBytes field;
    bool withheld = false;  ///< zeroes went in the place of a part
  };

  Chain begun_before(const apdu::Command& command);
  StrippedCommand show(Bytes apdu, const apdu::Command& command);
  StrippedCommand guard(Bytes apdu, const apdu::Command& command);

  std::optional<Chain> chain_;
  ChannelWatch channels_;
};

}  // namespace cardea::api

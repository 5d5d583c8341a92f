#pragma once

#include <array>
#include <cstdint>
#include <optional>

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
};

/// Takes the PINs out of an application's commands: VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER of
/// ISO/IEC 7816-4, short, extended, and in parts. Commands whose data is protected by a secure channel go
/// through as they are: nobody on the way can read them.
class PinStripper {
 public:
  /// In the order in which the application gives them. Wipes what it takes out.
  StrippedCommand strip(Bytes apdu);
  /// The card was reset: what was begun is forgotten.
  void reset() { chain_.reset(); }

 private:
  struct Chain {
    std::array<std::uint8_t, 4> header{};
    SecretBytes field;
  };
  std::optional<Chain> chain_;
};

}  // namespace cardea::api

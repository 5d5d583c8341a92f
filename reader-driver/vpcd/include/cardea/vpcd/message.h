#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "cardea/bytes.h"

/// The protocol of vsmartcard's vpcd (doc/api.txt there), as the card speaks it. Both directions: length 2,
/// big-endian | payload. The reader speaks first; a payload of one octet may be for the power supply.
namespace cardea::vpcd {

/// The largest payload. A response of 65536 octets and its status word does not fit.
inline constexpr std::size_t kMaxPayload = 0xFFFF;

/// What the reader asks.
struct Message {
  enum class Kind : std::uint8_t {
    power_off,  ///< answered by nothing, as the next two
    power_on,
    reset,
    get_atr,  ///< answered by the answer to reset
    command,  ///< answered by a response APDU, whatever it is: without one, the reader waits for ever
  };
  Kind kind = Kind::command;
  Bytes command;  ///< of `command`; of any length, and may hold a PIN
};

/// What a payload means. Every payload means something.
Message interpret(Bytes payload);

/// Puts messages together from what arrives. Never holds an octet beyond the message it is at, so that none
/// stays behind in memory.
class Assembler {
 public:
  /// Where the next octets go; never empty.
  std::span<std::uint8_t> room();

  /// So many octets of `room` have been filled. The message, when it is whole.
  std::optional<Message> filled(std::size_t count);

  /// Whether a message has begun and is not whole.
  [[nodiscard]] bool in_the_middle() const { return arrived_ > 0; }

 private:
  static constexpr std::size_t kLengthSize = 2;

  std::array<std::uint8_t, kLengthSize> length_{};
  Bytes payload_;
  std::size_t arrived_ = 0;  // of length and payload together
};

/// The answer on the wire; `payload` has at most kMaxPayload octets.
Bytes encode(BytesView payload);

}  // namespace cardea::vpcd

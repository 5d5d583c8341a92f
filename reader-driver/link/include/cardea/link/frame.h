#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "cardea/apdu/command.h"
#include "cardea/bytes.h"
#include "cardea/framing/frame.h"
#include "cardea/result.h"

namespace cardea::link {

/// The version that both ends must speak; a driver refuses an agent with another one by name.
inline constexpr std::uint8_t kProtocolVersion = 1;

/// The largest payload: a command with 65 535 octets of data and two extended length fields.
inline constexpr std::size_t kMaxPayload = 65544;
static_assert(kMaxPayload >= apdu::kMaxCommandSize && kMaxPayload >= apdu::kMaxResponseSize);

/// What a frame is. The agent speaks first (hello); after the driver's welcome the connection is a card in
/// the slot: the driver sends power and transmit frames, the agent answers transmit frames only, each by one
/// response with the number of what it answers. Closing the connection takes the card out.
enum class FrameType : std::uint8_t {
  hello = 0x01,      ///< agent: Hello
  welcome = 0x02,    ///< driver: the card is in the slot
  refused = 0x03,    ///< driver: a sentence why not; then it closes
  power_on = 0x10,   ///< driver: cold reset
  reset = 0x11,      ///< driver: warm reset
  power_off = 0x12,  ///< driver
  transmit = 0x13,   ///< driver: a command APDU
  response = 0x20,   ///< agent: the response APDU
};

struct Frame {
  FrameType type = FrameType::hello;
  Bytes payload;
  std::uint32_t number = 0;  ///< the driver counts its transmit frames; 0 in all others

  friend bool operator==(const Frame&, const Frame&) = default;
};

/// Octets before the payload.
inline constexpr std::size_t kHeadSize = framing::kHeadSize;

/// Wire form: length 4 (of all that follows) | type 1 | number 4 | payload, big-endian.
Bytes encode(FrameType type, BytesView payload, std::uint32_t number = 0);
/// What comes before the payload, for those who send the two without copying.
std::array<std::uint8_t, kHeadSize> encode_head(FrameType type, std::size_t payload_size,
                                                std::uint32_t number = 0);

/// Takes the first whole frame off the front of `buffer`. Nothing when more octets are needed. Errors:
/// `invalid` for a length that no frame has or an unknown type; the connection is of no further use then.
Result<std::optional<Frame>> take_frame(Bytes& buffer);

inline constexpr std::size_t kMaxLabel = 255;

/// The agent's first words.
struct Hello {
  std::uint8_t version = kProtocolVersion;
  Bytes atr;          ///< 2 to 33 octets, a well-formed answer to reset
  std::string label;  ///< at most kMaxLabel octets; for logs

  friend bool operator==(const Hello&, const Hello&) = default;
};

/// version 1 | ATR length 1 | ATR | label.
Bytes encode(const Hello& hello);
Result<Hello> parse_hello(BytesView payload);

}  // namespace cardea::link

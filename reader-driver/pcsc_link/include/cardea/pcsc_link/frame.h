#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/framing/frame.h"
#include "cardea/result.h"

namespace cardea::pcsc_link {

/// The version that both ends must speak. The first octet of hello and welcome, for ever.
inline constexpr std::uint8_t kProtocolVersion = 1;

/// The largest payload: handle and protocol, and a command with 65 535 octets of data and two extended length
/// fields.
inline constexpr std::size_t kMaxPayload = 8 + 65544;

/// What a frame is. The connector speaks first (hello); after the agent's welcome the connection is a
/// context: each request has one reply with its number, except cancel, which has none.
enum class FrameType : std::uint8_t {
  hello = 0x01,    ///< connector: Hello
  welcome = 0x02,  ///< agent: Welcome
  refused = 0x03,  ///< agent: a sentence why not; then it closes
  connect = 0x10,
  reconnect = 0x11,
  disconnect = 0x12,
  begin = 0x13,
  end = 0x14,
  status = 0x15,
  transmit = 0x16,
  control = 0x17,
  readers = 0x18,
  wait = 0x19,
  cancel = 0x1A,
  release = 0x1B,
  reply = 0x20,  ///< agent
};

struct Frame {
  FrameType type = FrameType::hello;
  Bytes payload;
  std::uint32_t number = 0;  ///< the connector counts its requests; a reply has its request's; else 0

  friend bool operator==(const Frame&, const Frame&) = default;
};

/// Octets before the payload.
inline constexpr std::size_t kHeadSize = framing::kHeadSize;

/// Wire form: length 4 (of all that follows) | type 1 | number 4 | payload, big-endian.
Bytes encode(const Frame& frame);
/// What comes before the payload, for those who send the two without copying.
std::array<std::uint8_t, kHeadSize> encode_head(FrameType type, std::size_t payload_size,
                                                std::uint32_t number);

/// Takes the first whole frame off the front of `buffer`, and wipes it there: a PIN may be in it. Nothing
/// when more octets are needed. Errors: `invalid` for a length that no frame has or an unknown type; the
/// connection is of no further use then.
Result<std::optional<Frame>> take_frame(Bytes& buffer);

}  // namespace cardea::pcsc_link

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/result.h"

/// How frames look on the wire: length 4 (of all that follows) | type 1 | number 4 | payload, big-endian.
/// What they mean is the affair of those who speak.
namespace cardea::framing {

/// Octets before the payload.
inline constexpr std::size_t kHeadSize = 9;

std::array<std::uint8_t, kHeadSize> encode_head(std::uint8_t type, std::size_t payload_size,
                                                std::uint32_t number);

struct Frame {
  std::uint8_t type = 0;
  Bytes payload;
  std::uint32_t number = 0;
};

/// What one protocol lets through.
struct Limits {
  std::size_t max_payload = 0;
  bool (*known)(std::uint8_t type) = nullptr;
};

/// Takes the first whole frame off the front of `buffer`, and wipes it there: a PIN may be in it. Nothing
/// when more octets are needed. Errors: `invalid` for a length that no frame has or an unknown type; the
/// connection is of no further use then.
Result<std::optional<Frame>> take_frame(Bytes& buffer, const Limits& limits);

}  // namespace cardea::framing

#include "cardea/pcsc_link/frame.h"

#include <utility>

namespace cardea::pcsc_link {

namespace {

bool known(std::uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::hello:
    case FrameType::welcome:
    case FrameType::refused:
    case FrameType::connect:
    case FrameType::reconnect:
    case FrameType::disconnect:
    case FrameType::begin:
    case FrameType::end:
    case FrameType::status:
    case FrameType::transmit:
    case FrameType::control:
    case FrameType::readers:
    case FrameType::wait:
    case FrameType::cancel:
    case FrameType::release:
    case FrameType::reply:
      return true;
  }
  return false;
}

}  // namespace

std::array<std::uint8_t, kHeadSize> encode_head(FrameType type, std::size_t payload_size,
                                                std::uint32_t number) {
  return framing::encode_head(static_cast<std::uint8_t>(type), payload_size, number);
}

Bytes encode(const Frame& frame) {
  return concat({encode_head(frame.type, frame.payload.size(), frame.number), frame.payload});
}

Result<std::optional<Frame>> take_frame(Bytes& buffer) {
  CARDEA_TRY(auto taken, framing::take_frame(buffer, {kMaxPayload, known}));
  if (!taken) return std::nullopt;
  return Frame{static_cast<FrameType>(taken->type), std::move(taken->payload), taken->number};
}

}  // namespace cardea::pcsc_link

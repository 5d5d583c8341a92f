#include "cardea/link/frame.h"

#include <utility>

#include "cardea/apdu/atr.h"

namespace cardea::link {

namespace {

bool known(std::uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::hello:
    case FrameType::welcome:
    case FrameType::refused:
    case FrameType::power_on:
    case FrameType::reset:
    case FrameType::power_off:
    case FrameType::transmit:
    case FrameType::response:
      return true;
  }
  return false;
}

}  // namespace

std::array<std::uint8_t, kHeadSize> encode_head(FrameType type, std::size_t payload_size,
                                                std::uint32_t number) {
  return framing::encode_head(static_cast<std::uint8_t>(type), payload_size, number);
}

Bytes encode(FrameType type, BytesView payload, std::uint32_t number) {
  return concat({encode_head(type, payload.size(), number), payload});
}

Result<std::optional<Frame>> take_frame(Bytes& buffer) {
  CARDEA_TRY(auto taken, framing::take_frame(buffer, {kMaxPayload, known}));
  if (!taken) return std::nullopt;
  return Frame{static_cast<FrameType>(taken->type), std::move(taken->payload), taken->number};
}

Bytes encode(const Hello& hello) {
  Bytes out;
  out.reserve(2 + hello.atr.size() + hello.label.size());
  out.push_back(hello.version);
  out.push_back(static_cast<std::uint8_t>(hello.atr.size()));
  append(out, hello.atr);
  append(out, as_bytes(hello.label));
  return out;
}

Result<Hello> parse_hello(BytesView payload) {
  if (payload.size() < 2 || payload.size() - 2 < payload[1])
    return fail(Errc::invalid, "a hello that is cut off");
  Hello out;
  out.version = payload[0];
  out.atr = to_bytes(payload.subspan(2, payload[1]));
  const auto label = payload.subspan(2 + out.atr.size());
  if (label.size() > kMaxLabel) return fail(Errc::invalid, "a label of more than 255 octets");
  out.label.assign(label.begin(), label.end());
  if (out.version == kProtocolVersion && !apdu::parse_atr(out.atr))
    return fail(Errc::invalid, "a malformed answer to reset");
  return out;
}

}  // namespace cardea::link

#include "cardea/link/frame.h"

#include "cardea/apdu/atr.h"
#include "cardea/secret.h"

namespace cardea::link {

namespace {

constexpr std::size_t kLengthSize = 4;
/// The part of the head that the length counts.
constexpr std::size_t kCountedHead = kHeadSize - kLengthSize;

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
  const auto length = static_cast<std::uint32_t>(kCountedHead + payload_size);
  const auto octet = [](std::uint32_t value, unsigned shift) {
    return static_cast<std::uint8_t>(value >> shift);
  };
  return {octet(length, 24),
          octet(length, 16),
          octet(length, 8),
          octet(length, 0),
          static_cast<std::uint8_t>(type),
          octet(number, 24),
          octet(number, 16),
          octet(number, 8),
          octet(number, 0)};
}

Bytes encode(FrameType type, BytesView payload, std::uint32_t number) {
  return concat({encode_head(type, payload.size(), number), payload});
}

Result<std::optional<Frame>> take_frame(Bytes& buffer) {
  const BytesView view{buffer};
  if (view.size() < kLengthSize) return std::nullopt;
  const auto length = read_be(view.first(kLengthSize));
  if (length < kCountedHead || length > kCountedHead + kMaxPayload)
    return fail(Errc::invalid, "a frame of impossible length");
  if (view.size() > kLengthSize && !known(view[kLengthSize]))
    return fail(Errc::invalid, "a frame of unknown type");
  const auto whole = kLengthSize + static_cast<std::size_t>(length);
  if (view.size() < whole) return std::nullopt;
  Frame out{static_cast<FrameType>(view[kLengthSize]), to_bytes(view.subspan(kHeadSize, whole - kHeadSize)),
            static_cast<std::uint32_t>(read_be(view.subspan(kLengthSize + 1, 4)))};
  wipe(std::span{buffer}.first(whole));  // a PIN may be in it
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(whole));
  return out;
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

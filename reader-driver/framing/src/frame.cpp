#include "cardea/framing/frame.h"

#include <span>

#include "cardea/secret.h"

namespace cardea::framing {

namespace {

constexpr std::size_t kLengthSize = 4;
/// The part of the head that the length counts.
constexpr std::size_t kCountedHead = kHeadSize - kLengthSize;

}  // namespace

std::array<std::uint8_t, kHeadSize> encode_head(std::uint8_t type, std::size_t payload_size,
                                                std::uint32_t number) {
  const auto length = static_cast<std::uint32_t>(kCountedHead + payload_size);
  const auto octet = [](std::uint32_t value, unsigned shift) {
    return static_cast<std::uint8_t>(value >> shift);
  };
  return {octet(length, 24), octet(length, 16), octet(length, 8), octet(length, 0), type,
          octet(number, 24), octet(number, 16), octet(number, 8), octet(number, 0)};
}

Result<std::optional<Frame>> take_frame(Bytes& buffer, const Limits& limits) {
  const BytesView view{buffer};
  if (view.size() < kLengthSize) return std::nullopt;
  const auto length = read_be(view.first(kLengthSize));
  if (length < kCountedHead || length > kCountedHead + limits.max_payload)
    return fail(Errc::invalid, "a frame of impossible length");
  if (view.size() > kLengthSize && !limits.known(view[kLengthSize]))
    return fail(Errc::invalid, "a frame of unknown type");
  const auto whole = kLengthSize + static_cast<std::size_t>(length);
  if (view.size() < whole) return std::nullopt;
  Frame out{view[kLengthSize], to_bytes(view.subspan(kHeadSize, whole - kHeadSize)),
            static_cast<std::uint32_t>(read_be(view.subspan(kLengthSize + 1, 4)))};
  wipe(std::span{buffer}.first(whole));
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(whole));
  return out;
}

}  // namespace cardea::framing

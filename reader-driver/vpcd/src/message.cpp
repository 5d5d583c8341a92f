#include "cardea/vpcd/message.h"

#include <utility>

namespace cardea::vpcd {

Message interpret(Bytes payload) {
  using Kind = Message::Kind;
  if (payload.size() == 1) {
    switch (payload[0]) {
      case 0:
        return {Kind::power_off, {}};
      case 1:
        return {Kind::power_on, {}};
      case 2:
        return {Kind::reset, {}};
      case 4:
        return {Kind::get_atr, {}};
      default:
        break;  // a program sent this one octet as a command, and waits
    }
  }
  return {Kind::command, std::move(payload)};
}

std::span<std::uint8_t> Assembler::room() {
  if (arrived_ < kLengthSize) return std::span{length_}.subspan(arrived_);
  return std::span{payload_}.subspan(arrived_ - kLengthSize);
}

std::optional<Message> Assembler::filled(std::size_t count) {
  const bool length_was_known = arrived_ >= kLengthSize;
  arrived_ += count;
  if (arrived_ < kLengthSize) return std::nullopt;
  if (!length_was_known) payload_.resize(static_cast<std::size_t>(read_be(length_)));
  if (arrived_ < kLengthSize + payload_.size()) return std::nullopt;
  arrived_ = 0;
  return interpret(std::exchange(payload_, {}));
}

Bytes encode(BytesView payload) {
  Bytes out;
  out.reserve(2 + payload.size());
  append_be16(out, static_cast<std::uint16_t>(payload.size()));
  append(out, payload);
  return out;
}

}  // namespace cardea::vpcd

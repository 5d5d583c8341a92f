#include "cardea/apdu/command.h"

namespace cardea::apdu {

namespace {

constexpr std::size_t kHeader = 4;
constexpr std::uint32_t kShortMax = 256;
constexpr std::uint32_t kExtendedMax = 65536;

std::uint32_t expected_length(std::uint64_t field, std::uint32_t zero_means) {
  return field == 0 ? zero_means : static_cast<std::uint32_t>(field);
}

}  // namespace

tl::expected<Command, StatusWord> parse_command(BytesView octets) {
  const tl::unexpected<StatusWord> wrong_length{sw::kWrongLength};
  if (octets.size() < kHeader) return wrong_length;
  Command c;
  c.cla = octets[0];
  c.ins = octets[1];
  c.p1 = octets[2];
  c.p2 = octets[3];
  const auto body = octets.subspan(kHeader);

  if (body.empty()) return c;  // case 1
  if (body.size() == 1) {      // case 2, short
    c.le = expected_length(body[0], kShortMax);
    return c;
  }

  if (body[0] != 0) {  // cases 3 and 4, short
    const std::size_t lc = body[0];
    if (body.size() != 1 + lc && body.size() != 2 + lc) return wrong_length;
    c.data = to_bytes(body.subspan(1, lc));
    if (body.size() == 2 + lc) c.le = expected_length(body.back(), kShortMax);
    return c;
  }

  // The first octet is zero: extended length fields.
  if (body.size() < 3) return wrong_length;
  c.extended = true;
  const auto length = read_be(body.subspan(1, 2));
  if (body.size() == 3) {  // case 2, extended
    c.le = expected_length(length, kExtendedMax);
    return c;
  }
  if (length == 0) return wrong_length;
  const auto lc = static_cast<std::size_t>(length);
  if (body.size() != 3 + lc && body.size() != 5 + lc) return wrong_length;  // cases 3 and 4, extended
  c.data = to_bytes(body.subspan(3, lc));
  if (body.size() == 5 + lc) c.le = expected_length(read_be(body.subspan(3 + lc, 2)), kExtendedMax);
  return c;
}

Bytes encode(const Command& command) {
  const bool extended = command.extended || command.data.size() > 255 || command.le.value_or(0) > kShortMax;
  Bytes out{command.cla, command.ins, command.p1, command.p2};
  out.reserve(kHeader + 5 + command.data.size());
  if (extended && (!command.data.empty() || command.le)) out.push_back(0);
  if (!command.data.empty()) {
    if (extended) {
      append_be16(out, static_cast<std::uint16_t>(command.data.size()));
    } else {
      out.push_back(static_cast<std::uint8_t>(command.data.size()));
    }
    append(out, command.data);
  }
  if (command.le) {
    // 256 and 65 536 are written as zeroes, which is what the narrowing does.
    if (extended) {
      append_be16(out, static_cast<std::uint16_t>(*command.le));
    } else {
      out.push_back(static_cast<std::uint8_t>(*command.le));
    }
  }
  return out;
}

}  // namespace cardea::apdu

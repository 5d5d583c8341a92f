#include "gp/session.h"

namespace cardea::card::gp {

std::optional<Protected> split(const Command& wrapped) {
  const BytesView data{wrapped.data};
  if (data.size() < kMacSize) return std::nullopt;
  return Protected{data.first(data.size() - kMacSize), data.last(kMacSize)};
}

Bytes authenticated_header(const Command& wrapped, std::size_t lc) {
  Bytes out{wrapped.cla, wrapped.ins, wrapped.p1, wrapped.p2};
  if (wrapped.extended) {
    out.push_back(0);
    append_be16(out, static_cast<std::uint16_t>(lc));
  } else {
    out.push_back(static_cast<std::uint8_t>(lc));
  }
  return out;
}

Command plain(const Command& wrapped, BytesView data) {
  constexpr unsigned kSecureMessaging = 0x04;
  Command out;
  out.cla = static_cast<std::uint8_t>(wrapped.cla & ~kSecureMessaging);
  out.ins = wrapped.ins;
  out.p1 = wrapped.p1;
  out.p2 = wrapped.p2;
  out.data = to_bytes(data);
  out.le = wrapped.le;
  out.extended = wrapped.extended;
  return out;
}

}  // namespace cardea::card::gp

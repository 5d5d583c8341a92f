#include "cardea/apdu/atr.h"

#include <algorithm>

namespace cardea::apdu {

namespace {

constexpr std::uint8_t kDirect = 0x3B;
constexpr std::uint8_t kInverse = 0x3F;
constexpr std::size_t kMaxHistorical = 15;

std::uint8_t exclusive_or(BytesView octets) {
  std::uint8_t out = 0;
  for (const auto b : octets)
    out = static_cast<std::uint8_t>(out ^ b);
  return out;
}

class Cursor {
 public:
  explicit Cursor(BytesView octets) : rest_{octets} {}

  bool take(std::uint8_t& out) {
    if (rest_.empty()) return false;
    out = rest_.front();
    rest_ = rest_.subspan(1);
    return true;
  }
  bool take_if(bool present, std::optional<std::uint8_t>& out) {
    if (!present) return true;
    out.emplace();
    return take(*out);
  }
  [[nodiscard]] BytesView rest() const { return rest_; }

 private:
  BytesView rest_;
};

}  // namespace

std::vector<std::uint8_t> Atr::protocols() const {
  std::vector<std::uint8_t> out;
  for (const auto& group : interfaces) {
    const bool transport = group.protocol && *group.protocol < 15;
    if (transport && std::find(out.begin(), out.end(), *group.protocol) == out.end())
      out.push_back(*group.protocol);
  }
  if (out.empty()) out.push_back(0);
  return out;
}

std::optional<Atr> parse_atr(BytesView octets) {
  if (octets.size() < 2 || octets.size() > Atr::kMaxSize) return std::nullopt;
  if (octets[0] != kDirect && octets[0] != kInverse) return std::nullopt;
  const std::size_t historical = octets[1] & 0x0FU;

  Atr out;
  Cursor cursor{octets.subspan(2)};
  std::uint8_t follows = octets[1] >> 4U;
  std::optional<std::uint8_t> protocol;
  while (true) {
    Atr::Interface group;
    group.protocol = protocol;
    std::optional<std::uint8_t> td;
    const bool complete =
        cursor.take_if((follows & 1U) != 0, group.ta) && cursor.take_if((follows & 2U) != 0, group.tb) &&
        cursor.take_if((follows & 4U) != 0, group.tc) && cursor.take_if((follows & 8U) != 0, td);
    if (!complete) return std::nullopt;
    out.interfaces.push_back(group);
    if (!td) break;
    follows = *td >> 4U;
    protocol = *td & 0x0FU;
  }

  const bool checked = std::any_of(out.interfaces.begin(), out.interfaces.end(),
                                   [](const auto& g) { return g.protocol.value_or(0) != 0; });
  const auto rest = cursor.rest();
  if (rest.size() != historical + (checked ? 1 : 0)) return std::nullopt;
  if (checked && exclusive_or(octets.subspan(1)) != 0) return std::nullopt;
  out.historical = to_bytes(rest.first(historical));
  return out;
}

Bytes make_t1_atr(BytesView historical) {
  const auto kept = historical.first(std::min(historical.size(), kMaxHistorical));
  const std::uint8_t start[] = {kDirect, static_cast<std::uint8_t>(0x80U | kept.size()), 0x81, 0x31, 0xFE,
                                0x45};
  auto out = concat({start, kept});
  out.push_back(exclusive_or(BytesView{out}.subspan(1)));
  return out;
}

}  // namespace cardea::apdu

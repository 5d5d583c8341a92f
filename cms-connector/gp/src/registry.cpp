#include "cardea/cms/gp/registry.h"

#include <utility>

#include "cardea/apdu/tlv.h"

namespace cardea::cms::gp {

namespace {

constexpr apdu::StatusWord kMoreData{0x6310};
constexpr std::size_t kMaxRounds = 1000;  ///< a card that never ends is broken

Result<Entry> parse_entry(BytesView value) {
  const auto objects = apdu::read_tlvs(value);
  if (!objects) return fail(Errc::corrupt, "an entry of the card's registry is malformed");
  Entry out;
  bool has_life_cycle = false;
  for (const auto& object : *objects) {
    switch (object.tag) {
      case 0x4F:
        out.aid = to_bytes(object.value);
        break;
      case 0x9F70:
        has_life_cycle = !object.value.empty();
        if (has_life_cycle) out.life_cycle = object.value[0];
        break;
      case 0xC5:
        out.privileges = to_bytes(object.value);
        break;
      case 0xC4:
        out.load_file = to_bytes(object.value);
        break;
      case 0xCC:
        out.domain = to_bytes(object.value);
        break;
      case 0xCE:
        out.version = to_bytes(object.value);
        break;
      case 0x84:
        out.modules.push_back(to_bytes(object.value));
        break;
      default:
        break;  // newer cards say more (CF: implicit selection)
    }
  }
  if (out.aid.empty() || !has_life_cycle)
    return fail(Errc::corrupt, "an entry of the card's registry has no AID or no life cycle");
  return out;
}

}  // namespace

apdu::Command get_status(Scope scope, bool next) {
  apdu::Command out;
  out.cla = 0x80;
  out.ins = 0xF2;
  out.p1 = static_cast<std::uint8_t>(scope);
  out.p2 = next ? 0x03 : 0x02;
  out.data = {0x4F, 0x00};  // search criterion: every AID
  out.le = 256;
  return out;
}

Result<std::vector<Entry>> parse_status(BytesView data) {
  const auto templates = apdu::read_tlvs(data);
  if (!templates) return fail(Errc::corrupt, "the card's registry is not a list of data objects");
  std::vector<Entry> out;
  for (const auto& one : *templates) {
    if (one.tag != 0xE3) return fail(Errc::corrupt, "the card's registry is not a list of E3 templates");
    CARDEA_TRY(out.emplace_back(), parse_entry(one.value));
  }
  return out;
}

Result<std::vector<Entry>> read_registry(SecureChannel& channel, Scope scope) {
  std::vector<Entry> out;
  for (std::size_t round = 0; round < kMaxRounds; ++round) {
    CARDEA_TRY(const auto answer, channel.send(get_status(scope, round > 0)));
    if (answer.sw == apdu::sw::kReferencedDataNotFound && round == 0) return out;
    if (answer.sw != apdu::sw::kOk && answer.sw != kMoreData)
      return fail(Errc::denied, "the card does not show its registry: " + apdu::describe(answer.sw));
    CARDEA_TRY(auto part, parse_status(answer.data));
    for (auto& entry : part)
      out.push_back(std::move(entry));
    if (answer.sw == apdu::sw::kOk) return out;
  }
  return fail(Errc::corrupt, "the card's registry does not end");
}

}  // namespace cardea::cms::gp

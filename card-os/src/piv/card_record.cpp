#include "piv/card_record.h"

namespace cardea::card::piv {

namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSize = 1 + 4 + 8;
}  // namespace

Bytes encode(const CardRecord& record) {
  Bytes out{kVersion};
  append_be32(out, record.serial);
  append_be64(out, record.key_versions);
  return out;
}

Result<CardRecord> decode_card_record(BytesView octets) {
  if (octets.size() != kSize || octets[0] != kVersion)
    return fail(Errc::corrupt, "the card record is damaged");
  return CardRecord{static_cast<std::uint32_t>(read_be(octets.subspan(1, 4))), read_be(octets.subspan(5, 8))};
}

Result<CardRecord> load_card_record(Store& store) {
  CARDEA_TRY(const auto octets, store.get(kCardRecordId));
  if (!octets) return fail(Errc::corrupt, "the card record is missing");
  return decode_card_record(*octets);
}

}  // namespace cardea::card::piv

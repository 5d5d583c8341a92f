#include "cardea/cms/gp/card_data.h"

#include <optional>
#include <string>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"

namespace cardea::cms::gp {

namespace {

/// The objects inside of a single template.
Result<std::vector<apdu::Tlv>> inside(BytesView data, std::uint32_t tag, const char* name) {
  const auto outer = apdu::read_tlv(data);
  const auto objects = outer && outer->tag == tag ? apdu::read_tlvs(outer->value) : std::nullopt;
  if (!objects) return fail(Errc::corrupt, std::string{name} + " of the card are malformed");
  return *objects;
}

/// {globalPlatform 4 scp i}: the object identifier that names a protocol.
constexpr auto kProtocolOid = "2A864886FC6B04"_hex;

}  // namespace

Result<std::vector<Protocol>> parse_card_data(BytesView data) {
  CARDEA_TRY(const auto outer, inside(data, 0x66, "the card data"));
  const auto recognition = apdu::find(outer, 0x73);
  const auto objects = recognition ? apdu::read_tlvs(*recognition) : std::nullopt;
  if (!objects) return fail(Errc::corrupt, "the card data of the card are malformed");
  std::vector<Protocol> out;
  for (const auto& object : *objects) {
    if (object.tag != 0x64) continue;
    const auto oid = apdu::read_tlv(object.value);
    if (!oid || oid->tag != 0x06) return fail(Errc::corrupt, "the card data of the card are malformed");
    constexpr std::size_t kSize = kProtocolOid.size() + 2;
    // An i of 80 or more would need two octets; there is none such for SCP02 and SCP03.
    if (oid->value.size() != kSize || !equal(oid->value.first(kProtocolOid.size()), kProtocolOid)) continue;
    out.push_back({oid->value[kSize - 2], oid->value[kSize - 1]});
  }
  return out;
}

Result<std::vector<KeyInfo>> parse_key_information(BytesView data) {
  CARDEA_TRY(const auto objects, inside(data, 0xE0, "the key data"));
  std::vector<KeyInfo> out;
  for (const auto& object : objects) {
    if (object.tag != 0xC0 || object.value.size() < 4)
      return fail(Errc::corrupt, "the key data of the card are malformed");
    out.push_back({object.value[0], object.value[1], object.value[2], object.value[3]});
  }
  return out;
}

}  // namespace cardea::cms::gp

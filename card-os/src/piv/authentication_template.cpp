#include "piv/authentication_template.h"

#include "cardea/apdu/tlv.h"

namespace cardea::card::piv {

namespace sw = apdu::sw;

namespace {

std::optional<BytesView>* member(AuthenticationTemplate& out, std::uint32_t tag) {
  switch (tag) {
    case 0x80:
      return &out.witness;
    case 0x81:
      return &out.challenge;
    case 0x82:
      return &out.response;
    case 0x85:
      return &out.exponentiation;
    default:  // 83 and 84 (committed challenge, authentication code) belong to protocols that PIV does not
              // use
      return nullptr;
  }
}

}  // namespace

CardResult<AuthenticationTemplate> parse_authentication_template(BytesView data) {
  const auto outer = apdu::read_tlv(data);
  if (!outer || outer->tag != 0x7C || outer->whole.size() != data.size()) return refuse(sw::kWrongData);
  const auto objects = apdu::read_tlvs(outer->value);
  if (!objects || objects->empty()) return refuse(sw::kWrongData);
  AuthenticationTemplate out;
  for (const auto& object : *objects) {
    auto* const place = member(out, object.tag);
    if (place == nullptr || *place) return refuse(sw::kWrongData);
    *place = object.value;
  }
  return out;
}

Bytes make_authentication_template(std::uint8_t tag, BytesView value) {
  return apdu::make_tlv(0x7C, apdu::make_tlv(tag, value));
}

}  // namespace cardea::card::piv

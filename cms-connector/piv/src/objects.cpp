#include "cardea/cms/piv/objects.h"

#include <algorithm>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"

namespace cardea::cms::piv {

using apdu::make_template;
using apdu::make_tlv;

namespace {

constexpr auto kNonFederal = "D4E739DA739CED39CE739D836858210842108421C84210C3EB"_hex;
constexpr auto kApplication = "A000000308000010000100"_hex;
constexpr std::uint32_t kErrorDetection = 0xFE;  // always empty

Bytes one(std::uint8_t octet) {
  return Bytes{octet};
}

}  // namespace

BytesView non_federal_fasc_n() {
  return kNonFederal;
}

Bytes encode_chuid(const Chuid& chuid) {
  return concat({make_tlv(0x30, chuid.fasc_n), make_tlv(0x34, chuid.guid),
                 make_tlv(0x35, as_bytes(chuid.expiry)), make_tlv(0x3E, {}), make_tlv(kErrorDetection, {})});
}

std::optional<Guid> chuid_guid(BytesView content) {
  const auto objects = apdu::read_tlvs(content);
  if (!objects) return std::nullopt;
  const auto value = apdu::find(*objects, 0x34);
  if (!value || value->size() != Guid{}.size()) return std::nullopt;
  Guid out;
  std::copy(value->begin(), value->end(), out.begin());
  return out;
}

std::string chuid_expiry(BytesView content) {
  const auto objects = apdu::read_tlvs(content);
  const auto value = objects ? apdu::find(*objects, 0x35) : std::nullopt;
  return value ? std::string{value->begin(), value->end()} : std::string{};
}

Bytes encode_ccc(const std::array<std::uint8_t, 14>& identifier) {
  constexpr auto kIssuer = "A000000116FF02"_hex;
  Bytes out = make_template(0xF0, {kIssuer, identifier});
  append(out, "F10121 F20121 F300 F40100 F50110 F600 F700 FA00 FB00 FC00 FD00 FE00"_hex);
  return out;
}

Bytes encode_discovery(std::uint16_t pin_usage) {
  Bytes usage;
  append_be16(usage, pin_usage);
  return make_template(0x7E, {make_tlv(0x4F, kApplication), make_tlv(0x5F2F, usage)});
}

Bytes encode_key_history(std::uint8_t on_card, std::uint8_t off_card) {
  return concat({make_tlv(0xC1, one(on_card)), make_tlv(0xC2, one(off_card)), make_tlv(0xF3, {}),
                 make_tlv(kErrorDetection, {})});
}

std::optional<KeyHistory> parse_key_history(BytesView content) {
  const auto objects = apdu::read_tlvs(content);
  if (!objects) return std::nullopt;
  const auto on_card = apdu::find(*objects, 0xC1);
  const auto off_card = apdu::find(*objects, 0xC2);
  if (!on_card || !off_card || on_card->size() != 1 || off_card->size() != 1) return std::nullopt;
  return KeyHistory{on_card->front(), off_card->front()};
}

Bytes encode_certificate(const StoredCertificate& stored) {
  return concat({make_tlv(0x70, stored.certificate), make_tlv(0x71, one(stored.compressed ? 1 : 0)),
                 make_tlv(kErrorDetection, {})});
}

std::optional<StoredCertificate> parse_certificate(BytesView content) {
  const auto objects = apdu::read_tlvs(content);
  if (!objects) return std::nullopt;
  const auto certificate = apdu::find(*objects, 0x70);
  const auto info = apdu::find(*objects, 0x71);
  if (!certificate || !info || info->size() != 1) return std::nullopt;
  return StoredCertificate{to_bytes(*certificate), (info->front() & 0x01U) != 0};
}

}  // namespace cardea::cms::piv

#include "certificate.h"

#include <openssl/sha.h>

#include <array>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "curves.h"

namespace cardea::signer {

namespace {

using apdu::make_template;
using apdu::make_tlv;

constexpr std::uint32_t kInteger = 0x02;
constexpr std::uint32_t kBitString = 0x03;
constexpr std::uint32_t kOctetString = 0x04;
constexpr std::uint32_t kIdentifier = 0x06;
constexpr std::uint32_t kUtf8 = 0x0C;
constexpr std::uint32_t kUtcTime = 0x17;
constexpr std::uint32_t kGeneralTime = 0x18;
constexpr std::uint32_t kSequence = 0x30;
constexpr std::uint32_t kSet = 0x31;

constexpr auto kEcdsaWithSha256 = "06082A8648CE3D040302"_hex;
constexpr auto kEcPublicKey = "06072A8648CE3D0201"_hex;
constexpr auto kRsaEncryption = "06092A864886F70D0101010500"_hex;  // with its NULL
constexpr auto kCommonName = "0603550403"_hex;
constexpr auto kTrue = "0101FF"_hex;
// 1.3.6.1.4.1.41482.3.N
constexpr auto kYubicoPiv = "2B0601040182C40A03"_hex;

Bytes integer(BytesView number) {
  while (number.size() > 1 && number.front() == 0)
    number = number.subspan(1);
  Bytes value;
  if (!number.empty() && (number.front() & 0x80U) != 0) value.push_back(0);
  append(value, number);
  return make_tlv(kInteger, value);
}

Bytes bit_string(BytesView octets) {
  Bytes value{0};
  append(value, octets);
  return make_tlv(kBitString, value);
}

Bytes name(const std::string& common) {
  const auto attribute = make_template(kSequence, {kCommonName, make_tlv(kUtf8, as_bytes(common))});
  return make_tlv(kSequence, make_tlv(kSet, attribute));
}

// X.520 allows 64 characters; a tenant's id has 36.
Bytes authority_name(const std::string& tenant) {
  return name("Cardea PIV Attestation " + tenant.substr(0, 40));
}

// The attestation says how a key came about, which does not expire (RFC 5280, 4.1.2.5 for the last moment).
Bytes validity() {
  return make_template(kSequence, {make_tlv(kUtcTime, as_bytes("260101000000Z")),
                                   make_tlv(kGeneralTime, as_bytes("99991231235959Z"))});
}

Bytes key_info(const card::PublicKey& key) {
  if (card::is_rsa(key.algorithm)) {
    const auto numbers = make_template(kSequence, {integer(key.modulus), integer(key.exponent)});
    return make_template(kSequence, {make_tlv(kSequence, kRsaEncryption), bit_string(numbers)});
  }
  const auto curve = curve_name(key.algorithm);
  const auto kind = card::is_ec(key.algorithm) ? make_template(kSequence, {kEcPublicKey, curve})
                                               : make_tlv(kSequence, curve);  // RFC 8410, 3
  return make_template(kSequence, {kind, bit_string(key.point)});
}

/// Positive, never the same for two keys, and needs no random octets (RFC 5280, 4.1.2.2).
Bytes serial_number(BytesView about) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(about.data(), about.size(), digest.data());
  digest[0] &= 0x7FU;
  digest[0] |= 0x40U;
  return make_tlv(kInteger, BytesView{digest}.first(16));
}

Bytes yubico_extension(std::uint8_t arc, BytesView value) {
  Bytes identifier = to_bytes(kYubicoPiv);
  identifier.push_back(arc);
  return make_template(kSequence, {make_tlv(kIdentifier, identifier), make_tlv(kOctetString, value)});
}

Bytes certificate(const Bytes& serial, const Bytes& issuer, const Bytes& subject, const Bytes& info,
                  const Bytes& extensions) {
  const auto version3 = make_tlv(0xA0, "020102"_hex);
  return make_template(
      kSequence, {version3, serial, make_tlv(kSequence, kEcdsaWithSha256), issuer, validity(), subject, info,
                  make_tlv(0xA3, make_tlv(kSequence, extensions))});
}

}  // namespace

Bytes attestation_authority(const std::string& tenant, const card::PublicKey& key) {
  const auto info = key_info(key);
  // BasicConstraints: CA, path length 0. KeyUsage: keyCertSign. Both critical.
  const auto constraints =
      make_template(kSequence, {"0603551D13"_hex, kTrue, make_tlv(kOctetString, "30060101FF020100"_hex)});
  const auto usage =
      make_template(kSequence, {"0603551D0F"_hex, kTrue, make_tlv(kOctetString, "03020204"_hex)});
  return certificate(serial_number(info), authority_name(tenant), authority_name(tenant), info,
                     concat({constraints, usage}));
}

Bytes attestation_of(const std::string& tenant, const Attested& attested) {
  const auto info = key_info(attested.public_key);
  Bytes unique = to_bytes(info);
  unique.push_back(attested.reference);
  append_be64(unique, attested.version);
  Bytes serial;
  append_be32(serial, attested.facts.serial);
  const std::array policies{attested.facts.pin_policy, attested.facts.touch_policy};
  const std::array form{attested.facts.form_factor};
  const std::array slot{attested.reference};
  const auto extensions = concat({
      yubico_extension(3, attested.facts.version),
      yubico_extension(7, integer(serial)),
      yubico_extension(8, policies),
      yubico_extension(9, form),
  });
  return certificate(serial_number(unique), authority_name(tenant),
                     name("Cardea PIV Attestation of slot " + to_hex(slot)), info, extensions);
}

Bytes signed_certificate(BytesView to_be_signed, BytesView signature) {
  const auto half = signature.size() / 2;
  const auto value =
      make_template(kSequence, {integer(signature.first(half)), integer(signature.last(half))});
  return make_template(kSequence, {to_be_signed, make_tlv(kSequence, kEcdsaWithSha256), bit_string(value)});
}

}  // namespace cardea::signer

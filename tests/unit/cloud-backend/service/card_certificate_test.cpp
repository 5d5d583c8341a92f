// Certificates are made by OpenSSL; what they are to say is from RFC 5280 and SP 800-73-4.
#include "cardea/service/card_certificate.h"

#include <zlib.h>

#include "cardea/test/host_crypto.h"
#include "cardea/test/print.h"
#include "cardea/test/software_key_vault.h"
#include "certificates.h"

using namespace cardea;
using namespace cardea::test;
using service::read_certificate;
using Texts = std::vector<std::string>;

namespace {

Bytes gzip(BytesView plain) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(plain.size() + 1024);
  stream.next_in = const_cast<Bytef*>(plain.data());  // NOLINT(*-const-cast): zlib only reads it
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string refusal(const Wanted& wanted) {
  const Authority authority;
  const auto facts = read_certificate(authority.issue(wanted), {"UID"});
  REQUIRE_FALSE(facts);
  CHECK(facts.error().code == Errc::invalid);
  return facts.error().what;
}

/// GeneralNames with names as they stand.
Bytes names(std::initializer_list<Bytes> all) {
  Bytes inside;
  for (const auto& one : all)
    append(inside, one);
  return apdu::make_tlv(0x30, inside);
}

}  // namespace

TEST_CASE("certificate: common name, UPN, e-mail and user number [D1]") {
  const Authority authority;
  const auto facts =
      read_certificate(
          authority.issue({{{"C", "GB"}, {"O", "nhs"}, {"UID", "555000000017"}, {"CN", "Ada Example"}},
                           "email:Ada@Example.org,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ADA@corp.example"}),
          {"UID", "serialNumber"})
          .value();
  CHECK(facts.name == "Ada Example");
  CHECK(facts.upns == Texts{"ada@corp.example"});
  CHECK(facts.emails == Texts{"ada@example.org"});
  CHECK(facts.uids == Texts{"555000000017"});
  CHECK(facts.subject == "CN=Ada Example,UID=555000000017,O=nhs,C=GB");
  CHECK(facts.issuer == "CN=Example CA");
  CHECK(facts.serial == "4711");
  CHECK(facts.not_before == std::chrono::sys_seconds{std::chrono::seconds{1767323045}});
  CHECK(facts.not_after == std::chrono::sys_seconds{std::chrono::seconds{2082855845}});
}

TEST_CASE("certificate: the last common name counts, UTF-8 stays, blanks around it go [D1]") {
  const Authority authority;
  const auto name_of = [&](std::vector<std::pair<const char*, std::string>> subject) {
    return read_certificate(authority.issue({std::move(subject), ""}), {}).value().name;
  };
  CHECK(name_of({{"CN", "Staff"}, {"CN", "Ada Example"}}) == "Ada Example");
  CHECK(name_of({{"CN", "  Zoë Exämple  "}}) == "Zoë Exämple");
  CHECK(name_of({{"O", "Trust"}}).empty());
}

TEST_CASE(
    "certificate: an e-mail address in the subject counts only without one in the alternative name [D1]") {
  const Authority authority;
  const auto emails = [&](const std::string& alternative) {
    return read_certificate(
               authority.issue({{{"CN", "A"}, {"emailAddress", "old@example.org"}}, alternative}), {})
        .value()
        .emails;
  };
  CHECK(emails("") == Texts{"old@example.org"});
  CHECK(emails("email:new@example.org,email:NEW@example.org,email:b@example.org") ==
        Texts{"new@example.org", "b@example.org"});
  CHECK(emails("DNS:example.org") == Texts{"old@example.org"});
}

TEST_CASE("certificate: the attribute with the user's number is chosen, also by OID [D1]") {
  const Authority authority;
  const auto der = authority.issue({{{"CN", "A"}, {"serialNumber", "S1"}, {"UID", "U1"}}, ""});
  CHECK(read_certificate(der, {"UID", "serialNumber"}).value().uids == Texts{"U1"});
  CHECK(read_certificate(der, {"serialNumber", "UID"}).value().uids == Texts{"S1"});
  CHECK(read_certificate(der, {"0.9.2342.19200300.100.1.1"}).value().uids == Texts{"U1"});
  CHECK(read_certificate(der, {"1.2.3.4"}).value().uids.empty());
  CHECK(service::check_attributes({"UID", "2.5.4.5"}));
  CHECK(service::check_attributes({"UID", "no such"}).error() ==
        Error{Errc::invalid, "'no such' is no type of attribute: a short name such as UID, or an OID"});
}

TEST_CASE("certificate: names that are no text are refused, and never cut [D1]") {
  CHECK(refusal({{{"CN", std::string{"Ada\0Example", 11}}}, ""}) ==
        "its subject's common name is no text of 1 to 200 octets without control characters");
  CHECK(refusal({{{"CN", "A"}, {"UID", "1\n2"}}, ""}) ==
        "its subject's UID is no text of 1 to 200 octets without control characters");
  CHECK(refusal({{{"CN", "A"}, {"UID", std::string(201, '1')}}, ""}) ==
        "its subject's UID is no text of 1 to 200 octets without control characters");
  // CVE-2009-2408: a zero octet must not end an address.
  const auto zero = names({apdu::make_tlv(0x81, as_bytes(std::string_view{"a@b.example\0.evil", 17}))});
  CHECK(refusal({{{"CN", "A"}}, "", zero}) ==
        "its e-mail address is no text of 1 to 200 octets without control characters");
  CHECK(refusal({{{"CN", "A"}}, "", names({apdu::make_tlv(0x81, {})})}) ==
        "its e-mail address is no text of 1 to 200 octets without control characters");
  CHECK(refusal({{{"CN", "A"}}, "", from_hex("30820FFF81").value()}) ==
        "its subject's alternative name is damaged or there twice");
  CHECK(refusal({{{"CN", "A"}}, "otherName:1.3.6.1.4.1.311.20.2.3;IA5:ada@corp"}) ==
        "its user principal name is no UTF8String");
  CHECK(refusal({{{"CN", "A"}}, "", names({from_hex("A012060A2B060104018237140203A0040C02FF41").value()})}) ==
        "its user principal name is no text of 1 to 200 octets without control characters");
  std::string many;
  for (int i = 0; i < 9; ++i)
    many += (i == 0 ? "email:" : ",email:") + std::to_string(i) + "@example.org";
  CHECK(refusal({{{"CN", "A"}}, many}) == "it has more than eight values of its e-mail address");
}

TEST_CASE("certificate: what is none, or more than one") {
  const Authority authority;
  auto der = authority.issue({{{"CN", "A"}}, ""});
  CHECK(read_certificate({}, {}).error() == Error{Errc::invalid, "it is no X.509 certificate"});
  CHECK_FALSE(read_certificate(BytesView{der}.first(der.size() - 1), {}));
  der.push_back(0);
  CHECK(read_certificate(der, {}).error() == Error{Errc::invalid, "it is no X.509 certificate"});
}

TEST_CASE("certificate object: plain and compressed [SP800-73-4/1#3.1.1]") {
  const Authority authority;
  const auto der = authority.issue({{{"CN", "A"}}, ""});
  CHECK(service::certificate_in(piv_object(der)).value() == der);
  CHECK(service::certificate_in(piv_object(gzip(der), 1)).value() == der);
  const auto refused = [](BytesView object) { return service::certificate_in(object).error().what; };
  CHECK(refused({}) == "the data object holds no certificate");
  CHECK(refused(from_hex("700571").value()) == "the data object is damaged");
  CHECK(refused(from_hex("7000710100FE00").value()) == "the data object holds no certificate");
  CHECK(refused(piv_object(der, 1)) == "the compressed certificate is damaged");
  auto cut = gzip(der);
  cut.resize(cut.size() - 9);
  CHECK(refused(piv_object(cut, 1)) == "the compressed certificate is damaged");
  auto more = gzip(der);
  more.push_back(0);
  CHECK(refused(piv_object(more, 1)) == "the compressed certificate is damaged");
  // A few octets that become a hundred megabytes do not get them.
  CHECK(refused(piv_object(gzip(Bytes(1 << 20, 0)), 1)) == "the certificate is larger than 32 KiB");
  CHECK(refused(piv_object(Bytes(33U * 1024, 0x30))) == "the certificate is larger than 32 KiB");
}

TEST_CASE("certificate: of the key in the slot, or of another [D1]") {
  const Authority authority;
  const auto key = host_key(card::Algorithm::p256);
  const auto der = authority.issue({{{"CN", "A"}}, ""}, p256_spki(key.point));
  card::PublicKey mine{card::Algorithm::p256, {}, {}, key.point};
  CHECK(service::certifies(der, mine));
  mine.point = host_key(card::Algorithm::p256, 2).point;
  CHECK_FALSE(service::certifies(der, mine));
  CHECK_FALSE(service::certifies(der, {}));
  CHECK_FALSE(service::certifies(Bytes{0x30, 0x00}, mine));

  // RSA, and a modulus that would be one with zeroes in front.
  SoftwareKeyVault vault{3};
  const auto rsa = vault.generate({0x9A, 1}, card::Algorithm::rsa2048).value().public_key;
  Bytes modulus{0};
  append(modulus, rsa.modulus);
  const auto numbers =
      apdu::make_template(0x30, {apdu::make_tlv(0x02, modulus), apdu::make_tlv(0x02, rsa.exponent)});
  Bytes bits{0};
  append(bits, numbers);
  const auto spki = apdu::make_template(
      0x30, {from_hex("300D06092A864886F70D0101010500").value(), apdu::make_tlv(0x03, bits)});
  const auto of_rsa = authority.issue({{{"CN", "A"}}, ""}, spki);
  CHECK(service::certifies(of_rsa, rsa));
  auto other = rsa;
  other.modulus.back() ^= 2U;
  CHECK_FALSE(service::certifies(of_rsa, other));
}

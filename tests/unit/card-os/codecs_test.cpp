#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"
#include "engine/error_map.h"
#include "piv/authentication_template.h"
#include "piv/objects.h"
#include "piv/pin_format.h"
#include "piv/policy.h"
#include "piv/references.h"
#include "piv/signature.h"

using namespace cardea;
using namespace cardea::card;
using namespace cardea::card::piv;
namespace sw = cardea::apdu::sw;

namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

}  // namespace

TEST_CASE("a decimal PIN has six to eight digits and FF after them [SP800-73-4/2#2.4.3]") {
  for (const auto* const good :
       {"313233343536FFFF", "31323334353637FF", "3132333435363738", "303030303030FFFF"}) {
    CHECK(is_decimal_pin(hex(good)));
  }
  for (const auto* const bad :
       {"3132333435FFFFFF", "FFFFFFFFFFFFFFFF", "31323334353FFFFF", "3132333435FF36FF", "313233343536",
        "313233343536FFFFFF", "", "3132333435363A39", "313233343536FF00", "2F32333435363738"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_decimal_pin(hex(bad)));
  }
}

TEST_CASE("a Yubico PIN has six to eight octets of any kind and FF after them") {
  CHECK(is_padded_pin(hex("414243444546FFFF")));
  CHECK(is_padded_pin(hex("0000000000000000")));
  CHECK(is_padded_pin(hex("FFFFFFFFFFFF00FF")));
  CHECK_FALSE(is_padded_pin(hex("4142434445FFFFFF")));
  CHECK_FALSE(is_padded_pin(hex("FFFFFFFFFFFFFFFF")));
  CHECK_FALSE(is_padded_pin(hex("414243444546FF")));
}

TEST_CASE("algorithm numbers [SP800-78-4 table 6-2]") {
  CHECK(algorithm_of(0x00) == Algorithm::tdes);
  CHECK(algorithm_of(0x03) == Algorithm::tdes);
  CHECK(algorithm_of(0x05) == Algorithm::rsa3072);
  CHECK(algorithm_of(0x07) == Algorithm::rsa2048);
  CHECK(algorithm_of(0x08) == Algorithm::aes128);
  CHECK(algorithm_of(0x0A) == Algorithm::aes192);
  CHECK(algorithm_of(0x0C) == Algorithm::aes256);
  CHECK(algorithm_of(0x11) == Algorithm::p256);
  CHECK(algorithm_of(0x14) == Algorithm::p384);
  CHECK(algorithm_of(0x16) == Algorithm::rsa4096);
  unsigned known = 0;
  for (unsigned id = 0; id < 256; ++id) {
    const auto algorithm = algorithm_of(static_cast<std::uint8_t>(id));
    if (!algorithm) continue;
    ++known;
    CHECK(id_of(*algorithm) == (id == 0 ? 0x03 : id));
  }
  CHECK(known == 12);
}

TEST_CASE("a hash is filled up in front and cut at the end [FIPS186-4#6.4]") {
  CHECK(fit_hash(hex("0102"), 4) == hex("00000102"));
  CHECK(fit_hash(hex("01020304"), 4) == hex("01020304"));
  CHECK(fit_hash(hex("0102030405"), 4) == hex("01020304"));
}

TEST_CASE("DER of a signature: no superfluous zeroes, one where the sign would turn") {
  CHECK(to_hex(der_signature(hex("00010080"))) ==
        "3007"
        "020101"
        "02020080");
  CHECK(to_hex(der_signature(hex("00000001"))) ==
        "3006"
        "020100"
        "020101");
  CHECK(to_hex(der_signature(hex("7FFF8000"))) ==
        "3009"
        "02027FFF"
        "0203008000");
  const auto p384 = der_signature(Bytes(96, 0xFF));
  CHECK(to_hex(BytesView{p384}.first(5)) == "3066023100");
  CHECK(p384.size() == 2 + 0x66);
}

TEST_CASE("the authentication template: any order, nothing twice, nothing else [SP800-73-4/2#3.2.4]") {
  const auto first = hex("7C07 8103010203 8200");
  const auto one = parse_authentication_template(first);
  REQUIRE(one);
  CHECK(given(one->challenge));
  CHECK(asked_for(one->response));
  CHECK_FALSE(one->witness);
  const auto second = hex("7C07 8200 8103010203");
  const auto other = parse_authentication_template(second);
  REQUIRE(other);
  CHECK(equal(*other->challenge, hex("010203")));

  for (const auto* const bad : {"", "7C", "7C00", "7C028100FF", "7C0281", "7B028100", "7C0481008100",
                                "7C028300", "7C028400", "7C028600", "7C03810201", "7C808100"}) {
    CAPTURE(bad);
    const auto octets = hex(bad);
    const auto result = parse_authentication_template(octets);
    REQUIRE_FALSE(result);
    CHECK(result.error() == sw::kWrongData);
  }
  CHECK(make_authentication_template(0x82, hex("0102")) == hex("7C0482020102"));
}

TEST_CASE("Yubico's policies: defaults of the slot, values 1 to 3, nothing that needs a fingerprint") {
  const auto read = [](std::string_view objects, std::uint8_t reference) {
    const auto octets = hex(objects);
    return read_policies(apdu::read_tlvs(octets).value(), reference);
  };
  CHECK(read("", 0x9A)->pin == PinPolicy::once);
  CHECK(read("", 0x9C)->pin == PinPolicy::always);
  CHECK(read("", 0x9D)->pin == PinPolicy::once);
  CHECK(read("", 0x9E)->pin == PinPolicy::never);
  CHECK(read("", 0x82)->pin == PinPolicy::once);
  CHECK(read("", 0x9A)->touch == TouchPolicy::never);
  CHECK(read("AA0100AB0100", 0x9C)->pin == PinPolicy::always);
  CHECK(read("AA0101AB0103", 0x9C)->pin == PinPolicy::never);
  CHECK(read("AA0101AB0103", 0x9C)->touch == TouchPolicy::cached);
  for (const auto* const bad : {"AA0104", "AA0105", "AA00", "AA020101", "AB0104", "AB01FF"}) {
    CHECK(read(bad, 0x9A).error() == sw::kWrongData);
  }
}

TEST_CASE("data objects: which need the PIN, which exist, how much they hold [SP800-73-4/1#3]") {
  for (const std::uint32_t tag : {0x5FC103U, 0x5FC108U, 0x5FC109U, 0x5FC121U, 0x5FC123U})
    CHECK(find_object(tag)->needs_pin);
  unsigned with_pin = 0;
  for (std::uint32_t tag = 0x5FC100; tag <= 0x5FC1FF; ++tag) {
    REQUIRE(find_object(tag) != nullptr);
    with_pin += find_object(tag)->needs_pin ? 1 : 0;
    CHECK(find_object(tag)->capacity >= 4096);
  }
  CHECK(with_pin == 5);
  CHECK(find_object(0x5FC108)->capacity == 16384);
  CHECK(find_object(0x5FC121)->capacity == 16384);
  CHECK(find_object(0x7E) != nullptr);
  CHECK(find_object(0x7F61) != nullptr);
  CHECK(find_object(0x5FFF01) != nullptr);
  for (const std::uint32_t tag : {0x5FC0FFU, 0x5FC200U, 0x5FFEFFU, 0x600000U, 0x7FU, 0x53U, 0U, 0x7F49U}) {
    CHECK(find_object(tag) == nullptr);
  }
  CHECK(to_hex(discovery_object()) == "7E124F0BA0000003080000100001005F2F024000");
}

TEST_CASE("failures of ports have one translation") {
  const auto word = [](Errc code) { return status_word(Error{code, "x"}).value(); };
  CHECK(word(Errc::invalid) == 0x6A80);
  CHECK(word(Errc::unsupported) == 0x6A80);
  CHECK(word(Errc::exhausted) == 0x6A84);
  CHECK(word(Errc::corrupt) == 0x6581);
  CHECK(word(Errc::denied) == 0x6982);
  CHECK(word(Errc::not_found) == 0x6A88);
  CHECK(word(Errc::unavailable) == 0x6F00);
  CHECK(word(Errc::conflict) == 0x6F00);
}

#include <doctest/doctest.h>

#include "cardea/cms/piv/admin_key.h"
#include "cardea/cms/piv/card.h"
#include "cardea/cms/piv/commands.h"
#include "cardea/hex.h"

using namespace cardea;
using namespace cardea::cms::piv;

namespace {

std::string octets(const apdu::Command& command) {
  return to_hex(apdu::encode(command));
}
SecretBytes secret(std::string_view hex) {
  return SecretBytes{BytesView{*from_hex(hex)}};
}

}  // namespace

TEST_CASE("each command has the octets of the specification [SP800-73-4/2#3]") {
  CHECK(octets(command::select()) == "00A4040009A0000003080000100000");
  CHECK(octets(command::pin_status()) == "00200080");
  CHECK(octets(command::verify(secret("313233343536FFFF"))) == "0020008008313233343536FFFF");
  CHECK(octets(command::change_reference(0x81, secret("3132333435363738"), secret("3837363534333231"))) ==
        "002400811031323334353637383837363534333231");
  CHECK(octets(command::get_data(0x5FC105)) == "00CB3FFF055C035FC10500");
  CHECK(octets(command::get_data(0x7E)) == "00CB3FFF035C017E00");
  CHECK(octets(command::put_data(0x5FC105, {})) == "00DB3FFF075C035FC1055300");
  CHECK(octets(command::put_data(0x5FC10C, *from_hex("C10100"))) == "00DB3FFF0A5C035FC10C5303C10100");
  CHECK(octets(command::put_data(0x7E, *from_hex("7E0100"))) == "00DB3FFF037E0100");
  CHECK(octets(command::request_witness(AdminAlgorithm::tdes)) == "0087039B047C02800000");
}

TEST_CASE("GENERATE carries the policies only where the plan has them [SP800-73-4/2#3.3.2]") {
  const auto slot = *slot_named("9A");
  CHECK(octets(command::generate(slot, KeyAlgorithm::rsa2048, PinPolicy::standard, TouchPolicy::standard)) ==
        "0047009A05AC0380010700");
  CHECK(octets(command::generate(slot, KeyAlgorithm::p256, PinPolicy::always, TouchPolicy::never)) ==
        "0047009A0BAC09800111AA0103AB010100");
}

TEST_CASE("signing sends an empty response tag and the block [SP800-73-4/2#3.2.4]") {
  CHECK(octets(command::sign(*slot_named("9C"), KeyAlgorithm::p256, *from_hex("0102"))) ==
        "0087119C087C06820081020102"
        "00");
}

TEST_CASE("Yubico commands") {
  CHECK(octets(command::get_version()) == "00FD000000");
  CHECK(octets(command::get_metadata(0x9B)) == "00F7009B00");
  CHECK(octets(command::set_management_key(factory_admin_key())) ==
        "00FFFFFF1B039B18010203040506070801020304050607080102030405060708");
}

TEST_CASE("the host answers a witness as the vector says: 3DES [SP800-73-4/2#A.1]") {
  const auto reply = answer_witness(factory_admin_key(), "6C5E94DCADD39F1D"_hex, "A1A2A3A4A5A6A7A8"_hex);
  REQUIRE(reply);
  CHECK(to_hex(reply->data) == "7C14800811223344556677888108A1A2A3A4A5A6A7A8");
  CHECK(to_hex(reply->expected) == "199FA374705A69EB");
}

TEST_CASE("the host answers a witness as the vector says: AES-256 [SP800-73-4/2#A.1]") {
  const AdminKey key{AdminAlgorithm::aes256,
                     secret("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")};
  const auto reply =
      answer_witness(key, "E9C3EF8AB23453E6F0749CD636E7A88E"_hex, "202122232425262728292A2B2C2D2E2F"_hex);
  REQUIRE(reply);
  CHECK(to_hex(reply->data) ==
        "7C248010101112131415161718191A1B1C1D1E1F8110202122232425262728292A2B2C2D2E2F");
  CHECK(to_hex(reply->expected) == "61A6936E4E8F101C1CC1F993B542A0D4");
}

TEST_CASE("a witness of another size, and a key of another size, are refused") {
  CHECK(answer_witness(factory_admin_key(), "00"_hex, "A1A2A3A4A5A6A7A8"_hex).error().code == Errc::corrupt);
  const AdminKey key{AdminAlgorithm::aes256, secret("0001")};
  CHECK(answer_witness(key, "6C5E94DCADD39F1D"_hex, "A1A2A3A4A5A6A7A8"_hex).error().code == Errc::invalid);
}

TEST_CASE("a PIN is padded to eight octets") {
  CHECK(to_hex(pin_field(as_bytes("123456"))->expose()) == "313233343536FFFF");
  CHECK(to_hex(pin_field(as_bytes("12345678"))->expose()) == "3132333435363738");
  CHECK(pin_field(as_bytes("123456789")).error().code == Errc::invalid);
  CHECK(pin_field({}).error().code == Errc::invalid);
}

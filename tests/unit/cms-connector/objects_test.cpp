#include <doctest/doctest.h>

#include "cardea/cms/piv/names.h"
#include "cardea/cms/piv/objects.h"
#include "cardea/hex.h"

using namespace cardea;
using namespace cardea::cms::piv;

TEST_CASE("CHUID has the octets that PIV tools write [SP800-73-4/1#A]") {
  Chuid chuid;
  chuid.fasc_n = to_bytes(non_federal_fasc_n());
  chuid.guid = "000102030405060708090A0B0C0D0E0F"_hex;
  chuid.expiry = "20300101";
  const auto octets = encode_chuid(chuid);
  CHECK(octets.size() == 59);
  CHECK(to_hex(octets) ==
        "3019D4E739DA739CED39CE739D836858210842108421C84210C3EB"
        "3410000102030405060708090A0B0C0D0E0F"
        "350832303330303130313E00FE00");
  CHECK(chuid_guid(octets) == chuid.guid);
}

TEST_CASE("a CHUID without a GUID, or a broken one, has no GUID") {
  CHECK_FALSE(chuid_guid(*from_hex("350832303330303130313E00FE00")));
  CHECK_FALSE(chuid_guid(*from_hex("3410000102")));
  CHECK_FALSE(chuid_guid(*from_hex("340100")));
  CHECK_FALSE(chuid_guid({}));
}

TEST_CASE("CCC has the octets that PIV tools write [SP800-73-4/1#A]") {
  const auto octets = encode_ccc("0102030405060708090A0B0C0D0E"_hex);
  CHECK(octets.size() == 51);
  CHECK(to_hex(octets) ==
        "F015A000000116FF020102030405060708090A0B0C0D0E"
        "F10121F20121F300F40100F50110F600F700FA00FB00FC00FD00FE00");
}

TEST_CASE("discovery object and key history [SP800-73-4/1#A]") {
  CHECK(to_hex(encode_discovery(0x4000)) == "7E124F0BA0000003080000100001005F2F024000");
  CHECK(to_hex(encode_key_history(0, 0)) == "C10100C20100F300FE00");
  CHECK(to_hex(encode_key_history(3, 1)) == "C10103C20101F300FE00");
}

TEST_CASE("a certificate object says whether it is compressed, and is read back as it was written") {
  CHECK(to_hex(encode_certificate({{0x30, 0x00}, false})) == "70023000710100FE00");
  CHECK(to_hex(encode_certificate({{0x1F, 0x8B}, true})) == "70021F8B710101FE00");
  const auto stored = parse_certificate(*from_hex("70021F8B710101FE00"));
  REQUIRE(stored);
  CHECK(stored->compressed);
  CHECK(to_hex(stored->certificate) == "1F8B");
  CHECK_FALSE(parse_certificate(*from_hex("70021F8BFE00")));
  CHECK_FALSE(parse_certificate(*from_hex("70051F8B")));
}

TEST_CASE("slots have the references and certificate objects of the tables [SP800-73-4/1#3]") {
  CHECK(slot_named("9A") == Slot{0x9A, 0x5FC105});
  CHECK(slot_named("9c") == Slot{0x9C, 0x5FC10A});
  CHECK(slot_named("9D") == Slot{0x9D, 0x5FC10B});
  CHECK(slot_named("9E") == Slot{0x9E, 0x5FC101});
  CHECK(slot_named("82") == Slot{0x82, 0x5FC10D});
  CHECK(slot_named("95") == Slot{0x95, 0x5FC120});
  for (const auto* wrong : {"9B", "96", "81", "", "9", "9A9A", "XY", " 9A"})
    CHECK_FALSE(slot_named(wrong));
  CHECK(name(*slot_named("9e")) == "9E");
  CHECK(object_name(0x5FC102) == "CHUID");
  CHECK(object_name(0x5FC10E) == "certificate of 83");
}

TEST_CASE("algorithms and policies are known by name and by number") {
  CHECK(key_algorithm_named("rsa2048") == KeyAlgorithm::rsa2048);
  CHECK(key_algorithm_of(0x14) == KeyAlgorithm::p384);
  CHECK_FALSE(key_algorithm_named("rsa1024"));
  CHECK(admin_algorithm_of(0x00) == AdminAlgorithm::tdes);
  CHECK(admin_algorithm_named("aes256") == AdminAlgorithm::aes256);
  CHECK_FALSE(admin_algorithm_of(0x07));
  CHECK(pin_policy_named("always") == PinPolicy::always);
  CHECK_FALSE(pin_policy_named("cached"));
  CHECK(touch_policy_named("cached") == TouchPolicy::cached);
}

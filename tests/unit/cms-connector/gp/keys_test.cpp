#include "cardea/cms/gp/keys.h"

#include <doctest/doctest.h>

#include "crypto.h"
#include "script.h"

using namespace cardea;
using namespace cardea::cms::gp;
using namespace cardea::cms::gp::testing;

namespace {

std::string check_values(const Keyset& keys) {
  std::string out;
  for (const auto use : {KeyUse::enc, KeyUse::mac, KeyUse::dek})
    out += to_hex(key_check_value(keys.type, keys.of(use)).value());
  return out;
}

const Bytes kKdd = *from_hex("00010203040506070809");

}  // namespace

TEST_CASE("AES-CMAC [RFC4493#4]") {
  const auto key = secret("2B7E151628AED2A6ABF7158809CF4F3C");
  CHECK(to_hex(cmac(key, {}).value()) == "BB1D6929E95937287FA37D129B756746");
  CHECK(to_hex(cmac(key, {hex("6BC1BEE22E409F96"), hex("E93D7E117393172A")}).value()) ==
        "070A16B46B4D4144F79BDD9DD04A287C");
}

TEST_CASE("the retail MAC of an ICAO passport's key derivation and access [ICAO9303-11#D]") {
  // Appendix D.3: Kenc and Kmac from the MRZ, EIFD and MIFD.
  const auto mac = retail_mac(secret("7962D9ECE03D1ACD4C76089DCE131543"), {},
                              hex("72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2"));
  CHECK(to_hex(mac.value()) == "5F1448EEA8AD90A7");
}

TEST_CASE("key check values of the test key, 3DES and AES [GPCS2.3.1#B.5]") {
  const auto value = [](KeyType type, std::size_t size) {
    return to_hex(key_check_value(type, test_keys(type, size).enc).value());
  };
  CHECK(value(KeyType::tdes, 16) == "8BAF47");
  CHECK(value(KeyType::aes, 16) == "504A77");
  CHECK(value(KeyType::aes, 24) == "FFCD73");
  CHECK(value(KeyType::aes, 32) == "ECDCD8");
}

TEST_CASE("diversified keys have the check values that GlobalPlatformPro's own tests expect") {
  // martinpaljak/GlobalPlatformPro, TestPlaintextKeys: EMV, VISA2 and KDF3 with KDD 00..09.
  const auto from = [](Diversification scheme, KeyType type, std::size_t size) {
    return check_values(diversify(test_keys(type, size), kKdd, scheme, type).value());
  };
  CHECK(from(Diversification::emv, KeyType::tdes, 16) == "C330136F4CA6BB8179");
  CHECK(from(Diversification::visa2, KeyType::tdes, 16) == "2BE59858DA383C328E");
  CHECK(from(Diversification::kdf3, KeyType::aes, 16) == "E79C05D1BD773FDE8C");
  CHECK(from(Diversification::kdf3, KeyType::aes, 24) == "1DE8EA47C00CC04D76");
  CHECK(from(Diversification::kdf3, KeyType::aes, 32) == "2972D2036F945D57B8");
  CHECK(from(Diversification::none, KeyType::aes, 16) == "504A77504A77504A77");
}

TEST_CASE("kdf3 of a 256-bit master key, whole key") {
  // martinpaljak/GlobalPlatformPro, TestSCP03.testKDF3.
  const auto master =
      Keyset::same(KeyType::aes, secret("8C72C72CF908411653018807950D82FBAD947562F0828A0B10B8B9606ABF3BCD"));
  const auto own = diversify(master, hex("D9B1DE5D0362DEDCE4FB"), Diversification::kdf3, KeyType::aes);
  CHECK(to_hex(own.value().enc.expose()) ==
        "9AAC5D0B3601F89438A0D9D0B6B256CFB47E6462DFA5228D3420C4AC7C224781");
}

TEST_CASE("a 3DES master may make AES-128 keys, and nothing else that does not go together") {
  const auto tdes = test_keys(KeyType::tdes);
  const auto aes = test_keys(KeyType::aes);
  const auto own = diversify(tdes, kKdd, Diversification::visa2, KeyType::aes);
  REQUIRE(own);
  CHECK(own->type == KeyType::aes);
  CHECK(own->enc.size() == 16);
  CHECK(diversify(aes, kKdd, Diversification::visa2, KeyType::aes).error().code == Errc::invalid);
  CHECK(diversify(tdes, kKdd, Diversification::kdf3, KeyType::aes).error().code == Errc::invalid);
  CHECK(diversify(tdes, BytesView{kKdd}.first(9), Diversification::emv, KeyType::tdes).error().code ==
        Errc::invalid);
}

TEST_CASE("keys of wrong or unequal length are refused") {
  CHECK(Keyset::same(KeyType::tdes, SecretBytes{24}).check().error().code == Errc::invalid);
  CHECK(Keyset::same(KeyType::aes, SecretBytes{20}).check().error().code == Errc::invalid);
  auto mixed = test_keys(KeyType::aes, 32);
  mixed.dek = SecretBytes{16};
  CHECK(mixed.check().error().code == Errc::invalid);
}

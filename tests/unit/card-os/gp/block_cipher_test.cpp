#include "gp/block_cipher.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"
#include "cardea/test/session_cipher.h"
#include "cardea/test/software_key_vault.h"

using namespace cardea;
using card::Algorithm;
using namespace card::gp;

namespace {

struct Example {
  Algorithm algorithm;
  const char* key;
  const char* of_nothing;
  const char* of_16;
  const char* of_40;
  const char* of_64;
};

// SP 800-38B, appendix D, as NIST prints them.
constexpr Example kExamples[] = {
    {Algorithm::aes128, "2B7E151628AED2A6ABF7158809CF4F3C", "BB1D6929E95937287FA37D129B756746",
     "070A16B46B4D4144F79BDD9DD04A287C", "DFA66747DE9AE63030CA32611497C827",
     "51F0BEBF7E3B9D92FC49741779363CFE"},
    {Algorithm::aes192, "8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B",
     "D17DDF46ADAACDE531CAC483DE7A9367", "9E99A7BF31E710900662F65E617C5184",
     "8A1DE5BE2EB31AAD089A82E6EE908B0E", "A1D5DF0EED790F794D77589659F39A11"},
    {Algorithm::aes256, "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",
     "028962F61B7BF89EFC6B551F4667D983", "28A7023F452E8F82BD4BF28D8C37C35C",
     "AAF3D8F1DE5640C232F5B169B9C911E6", "E1992190549F6ED5696A2C056C315410"},
};

constexpr const char* kMessage =
    "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51"
    "30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710";

std::string mac(const BlockCipher& key, BytesView message) {
  return to_hex(cmac(key, message).value().expose());
}

}  // namespace

TEST_CASE("CMAC with session keys and with keys of the vault [SP800-38B#D]") {
  test::OpenSslSessionCipher cipher;
  test::SoftwareKeyVault vault;
  const auto message = from_hex(kMessage).value();
  for (const auto& example : kExamples) {
    CAPTURE(std::string{card::name(example.algorithm)});
    const SecretBytes octets{from_hex(example.key).value()};
    const auto handle = vault.import_symmetric({1, 1}, example.algorithm, octets).value();
    const SessionKey session{cipher, example.algorithm, octets.clone()};
    const StaticKey fixed{vault, handle};
    for (const BlockCipher* key :
         {static_cast<const BlockCipher*>(&session), static_cast<const BlockCipher*>(&fixed)}) {
      CHECK(mac(*key, {}) == example.of_nothing);
      CHECK(mac(*key, BytesView{message}.first(16)) == example.of_16);
      CHECK(mac(*key, BytesView{message}.first(40)) == example.of_40);
      CHECK(mac(*key, message) == example.of_64);
    }
  }
}

TEST_CASE("padding is 80 and zeroes, always there, and found again [ISO9797-1#6.3.3]") {
  const auto padded = [](std::string_view hex, std::size_t block) {
    return to_hex(join_padded({from_hex(hex).value()}, block).expose());
  };
  CHECK(padded("", 8) == "8000000000000000");
  CHECK(padded("01020304050607", 8) == "0102030405060780");
  CHECK(padded("0102030405060708", 8) == "01020304050607088000000000000000");
  const auto size = [](std::string_view hex) { return unpadded_size(from_hex(hex).value()); };
  CHECK(size("8000") == std::size_t{0});
  CHECK(size("0180") == std::size_t{1});
  CHECK(size("80800000") == std::size_t{1});
  CHECK_FALSE(size("0000").has_value());
  CHECK_FALSE(size("8001").has_value());
  CHECK_FALSE(size("").has_value());
}

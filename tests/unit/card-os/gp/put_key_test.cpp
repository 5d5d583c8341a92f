#include "gp/put_key.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::card;
using namespace cardea::card::gp;

namespace {

std::string octets(std::size_t n) {
  return to_hex(Bytes(n, 0x5A));
}
std::string triple_des() {
  return "8010" + octets(16) + "03010203";
}
std::string aes(std::string_view length, std::string_view size, std::size_t encrypted) {
  return "88" + std::string{length} + std::string{size} + octets(encrypted) + "03010203";
}
/// The octets of `hex` must outlive what is read from them.
bool reads(const std::string& hex) {
  const auto data = from_hex(hex).value();
  return parse_put_key(data).has_value();
}

}  // namespace

TEST_CASE("PUT KEY: three keys of one kind [GP-2.3.1#11.8]") {
  const auto data = from_hex("01" + triple_des() + triple_des() + triple_des()).value();
  const auto read = parse_put_key(data);
  REQUIRE(read);
  CHECK(read->version == 1);
  for (const auto& key : read->keys) {
    CHECK(key.algorithm == Algorithm::tdes);
    CHECK(key.size == 16);
    CHECK(key.encrypted.size() == 16);
    CHECK(to_hex(key.check_value) == "010203");
  }
  CHECK_FALSE(reads("01" + triple_des() + triple_des() + aes("11", "10", 16)));
  CHECK_FALSE(reads("01" + triple_des() + triple_des()));
  CHECK_FALSE(reads("01"));
  CHECK_FALSE(reads(""));
}

TEST_CASE("PUT KEY of AES: the length of the key before it, filled up to blocks of either cipher") {
  const auto three = [](const std::string& one) { return "7F" + one + one + one; };
  CHECK(reads(three(aes("11", "10", 16))));
  CHECK(reads(three(aes("19", "18", 24))));  // blocks of eight
  CHECK(reads(three(aes("21", "18", 32))));  // blocks of sixteen
  CHECK(reads(three(aes("21", "20", 32))));
  CHECK_FALSE(reads(three(aes("21", "10", 32))));
  CHECK_FALSE(reads(three(aes("11", "18", 16))));
  CHECK_FALSE(reads(three(aes("11", "0F", 16))));
  CHECK_FALSE(reads(three(aes("12", "10", 16))));
  CHECK_FALSE(reads(three("8800" + octets(0) + "03010203")));
  CHECK_FALSE(reads(three("8910" + octets(16) + "03010203")));
  CHECK_FALSE(reads(three("8010" + octets(16) + "020102")));
  CHECK_FALSE(reads(three("8020" + octets(32) + "03010203")));
}

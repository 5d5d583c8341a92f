#include "cardea/bytes.h"

#include "cardea/hex.h"
#include "cardea/test/print.h"

namespace cardea {

TEST_CASE("hex: both cases in, upper case out") {
  CHECK(from_hex("00ffA5") == Bytes{0x00, 0xFF, 0xA5});
  CHECK(to_hex(Bytes{0x00, 0xFF, 0xA5}) == "00FFA5");
  CHECK(from_hex("") == Bytes{});
  CHECK(to_hex({}).empty());
}

TEST_CASE("hex: separators stand between octets only") {
  CHECK(from_hex("00 20:00\t80\n") == Bytes{0x00, 0x20, 0x00, 0x80});
  CHECK(from_hex("0 0") == std::nullopt);
  CHECK(from_hex("0:0") == std::nullopt);
}

TEST_CASE("hex: half octets and other characters are refused") {
  for (const auto* text : {"0", "000", "0G", "0x00", "00-20", "\xC3\xA4"})
    CHECK(from_hex(text) == std::nullopt);
}

TEST_CASE("hex: all octets there and back") {
  Bytes all(256);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<std::uint8_t>(i);
  CHECK(from_hex(to_hex(all)) == all);
}

TEST_CASE("hex: literals are arrays made while compiling") {
  constexpr auto kAid = "A0 00 00 03 08"_hex;
  static_assert(kAid.size() == 5 && kAid[0] == 0xA0 && kAid[4] == 0x08);
  static_assert(""_hex.empty());
}

TEST_CASE("bytes: big-endian numbers") {
  Bytes out;
  append_be16(out, 0x0102);
  append_be32(out, 0x03040506);
  append_be64(out, 0x0708090A0B0C0D0E);
  CHECK(to_hex(out) == "0102030405060708090A0B0C0D0E");
  CHECK(read_be({}) == 0);
  CHECK(read_be(Bytes{0x80}) == 0x80);
  CHECK(read_be(Bytes{1, 2, 3, 4, 5, 6, 7, 8}) == 0x0102030405060708);
}

TEST_CASE("bytes: parts, copies, equality") {
  const Bytes a{1, 2};
  const Bytes b{3};
  CHECK(concat({a, {}, b}) == Bytes{1, 2, 3});
  CHECK(to_bytes(as_bytes("PIV")) == Bytes{0x50, 0x49, 0x56});
  CHECK(equal(a, Bytes{1, 2}));
  CHECK_FALSE(equal(a, b));
  CHECK_FALSE(equal(a, Bytes{1, 2, 3}));
}

}  // namespace cardea

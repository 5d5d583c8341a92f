#include "cardea/apdu/command.h"

#include "cardea/test/print.h"

namespace cardea::apdu {

namespace {

Command parsed(std::string_view hex) {
  const auto command = parse_command(from_hex(hex).value());
  REQUIRE(command.has_value());
  return *command;
}

StatusWord refused(BytesView octets) {
  const auto command = parse_command(octets);
  REQUIRE_FALSE(command.has_value());
  return command.error();
}
StatusWord refused(std::string_view hex) {
  return refused(from_hex(hex).value());
}

}  // namespace

TEST_CASE("command: the four cases, short [ISO7816-3#12.1.3]") {
  CHECK(parsed("00 20 00 80") == Command{0x00, 0x20, 0x00, 0x80, {}, {}, false});
  CHECK(parsed("00 C0 00 00 08") == Command{0x00, 0xC0, 0, 0, {}, 8, false});
  CHECK(parsed("00 C0 00 00 00") == Command{0x00, 0xC0, 0, 0, {}, 256, false});
  CHECK(parsed("00 C0 00 00 FF") == Command{0x00, 0xC0, 0, 0, {}, 255, false});
  CHECK(parsed("00 A4 04 00 02 AABB") == Command{0, 0xA4, 4, 0, {0xAA, 0xBB}, {}, false});
  CHECK(parsed("00 A4 04 00 02 AABB 00") == Command{0, 0xA4, 4, 0, {0xAA, 0xBB}, 256, false});
  CHECK(parsed("00 A4 04 00 02 AABB 10") == Command{0, 0xA4, 4, 0, {0xAA, 0xBB}, 16, false});
}

TEST_CASE("command: the four cases, extended [ISO7816-3#12.1.3]") {
  CHECK(parsed("00 F7 00 80 000000") == Command{0, 0xF7, 0, 0x80, {}, 65536, true});
  CHECK(parsed("00 F7 00 80 000100") == Command{0, 0xF7, 0, 0x80, {}, 256, true});
  CHECK(parsed("00 CB 3F FF 000003 5C017E") == Command{0, 0xCB, 0x3F, 0xFF, {0x5C, 0x01, 0x7E}, {}, true});
  CHECK(parsed("00 CB 3F FF 000003 5C017E 0000") ==
        Command{0, 0xCB, 0x3F, 0xFF, {0x5C, 0x01, 0x7E}, 65536, true});
  CHECK(parsed("00 CB 3F FF 000003 5C017E 0008") ==
        Command{0, 0xCB, 0x3F, 0xFF, {0x5C, 0x01, 0x7E}, 8, true});
}

TEST_CASE("command: the longest, and one octet more") {
  Bytes octets{0x00, 0xDB, 0x3F, 0xFF, 0x00, 0xFF, 0xFF};
  octets.resize(octets.size() + 65535, 0x5A);
  CHECK(parse_command(octets)->data.size() == 65535);
  octets.insert(octets.end(), {0x00, 0x00});
  CHECK(octets.size() == kMaxCommandSize);
  CHECK(parse_command(octets)->le == 65536U);
  octets.push_back(0);
  CHECK(refused(octets) == sw::kWrongLength);
}

TEST_CASE("command: every truncation and every extra octet is 6700, or another complete command") {
  SUBCASE("no header") {
    for (const auto* hex : {"", "00", "00 20", "00 20 00"})
      CHECK(refused(std::string_view{hex}) == sw::kWrongLength);
  }
  SUBCASE("short with data: only full length, with and without Le, is a command") {
    const auto whole = from_hex("00 20 00 80 08 3132333435363738 00 00").value();
    for (std::size_t n = 6; n <= whole.size(); ++n) {
      const auto cut = BytesView{whole}.first(n);
      CAPTURE(n);
      if (n == 13 || n == 14) {
        CHECK(parse_command(cut).has_value());
      } else {
        CHECK(refused(cut) == sw::kWrongLength);
      }
    }
  }
  SUBCASE("extended with data") {
    const auto whole = from_hex("00 CB 3F FF 000003 5C017E 0000 00").value();
    for (std::size_t n = 5; n <= whole.size(); ++n) {
      const auto cut = BytesView{whole}.first(n);
      CAPTURE(n);
      // 5: case 2 short with Le 256. 7: case 2 extended. 10 and 12: cases 3 and 4.
      if (n == 5 || n == 7 || n == 10 || n == 12) {
        CHECK(parse_command(cut).has_value());
      } else {
        CHECK(refused(cut) == sw::kWrongLength);
      }
    }
  }
  SUBCASE("extended Lc of zero with more after it") {
    CHECK(refused("00 CB 3F FF 000000 00") == sw::kWrongLength);
    CHECK(refused("00 CB 3F FF 000000 0000") == sw::kWrongLength);
  }
}

TEST_CASE("command: writing is the inverse of reading") {
  for (const auto* hex :
       {"00200080", "00C0000008", "00C0000000", "00A4040002AABB", "00A4040002AABB00", "00F70080000000",
        "00F70080000100", "00CB3FFF0000035C017E", "00CB3FFF0000035C017E0000"}) {
    CHECK(to_hex(encode(parsed(hex))) == hex);
  }
}

TEST_CASE("command: lengths that need extended fields get them") {
  Command c{0x00, 0xDB, 0x3F, 0xFF, Bytes(255, 1), {}, false};
  CHECK(encode(c).size() == 4 + 1 + 255);
  c.data.push_back(1);
  CHECK(encode(c).size() == 4 + 3 + 256);
  CHECK(to_hex(encode({0, 0xC0, 0, 0, {}, 256, false})) == "00C0000000");
  CHECK(to_hex(encode({0, 0xC0, 0, 0, {}, 257, false})) == "00C00000000101");
  CHECK(to_hex(encode({0, 0xC0, 0, 0, {}, 65536, false})) == "00C00000000000");
  CHECK(to_hex(encode({0, 0x20, 0, 0x80, {}, {}, true})) == "00200080");
}

TEST_CASE("command: all sizes around the borders survive a round trip") {
  for (const std::size_t size : {0U, 1U, 254U, 255U, 256U, 257U, 65534U, 65535U}) {
    for (const std::uint32_t le : {0U, 1U, 255U, 256U, 257U, 65535U, 65536U}) {
      Command c{0x00, 0x87, 0x07, 0x9A, Bytes(size, 0x11), {}, false};
      if (le != 0) c.le = le;
      c.extended = size > 255 || le > 256;
      CAPTURE(size);
      CAPTURE(le);
      const auto back = parse_command(encode(c));
      REQUIRE(back.has_value());
      CHECK(*back == c);
    }
  }
}

}  // namespace cardea::apdu

#include "gp/store_data.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::card::gp;

namespace {

std::string groups(std::string_view hex) {
  const auto data = from_hex(hex).value();
  const auto read = read_groups(data);
  if (!read) return "no";
  std::string out;
  for (const auto& group : *read) {
    Bytes id;
    append_be16(id, group.id);
    out += to_hex(id) + ":" + std::to_string(group.value.size()) + " ";
  }
  return out;
}

}  // namespace

TEST_CASE("data groups: length in one octet, or FF and two [GP-2.3.1#11.11]") {
  CHECK(groups("").empty());
  CHECK(groups("0080 02 0102") == "0080:2 ");
  CHECK(groups("0080 00 0200 FF0003 010203") == "0080:0 0200:3 ");
  CHECK(groups("0080 FE" + to_hex(Bytes(254))) == "0080:254 ");
  for (const auto* const wrong :
       {"00", "0080", "0080 02 01", "0080 FF", "0080 FF00", "0080 FF0002 01", "008000 00"})
    CHECK(groups(wrong) == "no");
}

TEST_CASE("blocks of STORE DATA: in order, alike ones one after the other [GP-2.3.1#11.11]") {
  Collection all;
  CHECK(all.empty());
  REQUIRE(all.add(0x10, 0, Bytes{1, 2}));
  REQUIRE(all.add(0x10, 1, Bytes{3}));
  REQUIRE(all.add(0x08, 2, Bytes{4}));
  REQUIRE(all.add(0x68, 3, Bytes{5}));
  REQUIRE(all.add(0xE8, 4, Bytes{6}));
  REQUIRE(all.segments().size() == 3);
  CHECK(all.segments()[0].data == Bytes{1, 2, 3});
  CHECK(all.segments()[0].structure == Structure::objects);
  CHECK(all.segments()[1].structure == Structure::groups);
  CHECK_FALSE(all.segments()[1].encrypted);
  CHECK(all.segments()[2].data == Bytes{5, 6});
  CHECK(all.segments()[2].encrypted);
  CHECK(all.size() == 6);

  CHECK(all.add(0x10, 4, Bytes{7}).error() == apdu::sw::kWrongP1P2);
  CHECK(all.empty());
  CHECK(all.add(0x10, 1, Bytes{7}).error() == apdu::sw::kWrongP1P2);
  for (const auto p1 : {0x01, 0x04, 0x18, 0x20, 0x40})
    CHECK(all.add(static_cast<std::uint8_t>(p1), 0, Bytes{7}).error() == apdu::sw::kWrongP1P2);
}

TEST_CASE("no more than 256 blocks and 32 KiB") {
  Collection all;
  for (unsigned i = 0; i < 256; ++i)
    REQUIRE(all.add(0x10, static_cast<std::uint8_t>(i), Bytes{1}));
  CHECK(all.add(0x10, 0, Bytes{1}).error() == apdu::sw::kWrongP1P2);
  CHECK(all.empty());
  REQUIRE(all.add(0x10, 0, Bytes(Collection::kMaxSize - 1)));
  REQUIRE(all.add(0x10, 1, Bytes(1)));
  CHECK(all.add(0x10, 2, Bytes(1)).error() == apdu::sw::kNoMemory);
  CHECK(all.empty());
}

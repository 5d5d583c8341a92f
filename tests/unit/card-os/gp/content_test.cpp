#include "gp/content.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::card::gp;

namespace {

std::optional<StatusQuery> query(std::string_view hex) {
  return parse_status_query(from_hex(hex).value());
}

std::size_t fields(std::string_view hex, std::size_t count) {
  const auto read = read_fields(from_hex(hex).value(), count);
  return read ? read->size() : 99;
}

RegistryEntry entry(std::uint8_t last) {
  return {{0xA0, 0x00, 0x00, 0x03, last}, 0x07, {0x00}, {}, {}, {}, {}};
}

}  // namespace

TEST_CASE("GET STATUS: an AID or its beginning, and a list of tags [GP-2.3.1#11.4]") {
  CHECK(query("4F00")->prefix.empty());
  CHECK(query("4F00")->tags.empty());
  CHECK(query("4F02A000")->prefix == Bytes{0xA0, 0x00});
  CHECK(query("4F005C054F9F70C5CC")->tags == std::vector<std::uint32_t>{0x4F, 0x9F70, 0xC5, 0xCC});
  CHECK(query("4F005C00")->tags.empty());
  for (const auto* const wrong : {"", "4F", "4F01", "5C014F", "4F004F00", "4F005C019F", "4F005C014F00"})
    CHECK_FALSE(query(wrong));
}

TEST_CASE("the registry in pages: whole entries, as many as there is room for, and where to go on") {
  std::vector<RegistryEntry> entries;
  for (std::uint8_t i = 0; i < 5; ++i)
    entries.push_back(entry(i));
  const StatusQuery all{{}, {}};
  // E3 0E 4F05 A000 0003 ii 9F7001 07 C501 00: 16 octets each
  const auto whole = status_page(entries, all, 0, 1000);
  CHECK(whole.data.size() == 80);
  CHECK(whole.next == 0);
  const auto first = status_page(entries, all, 0, 40);
  CHECK(first.data.size() == 32);
  CHECK(first.next == 2);
  const auto last = status_page(entries, all, 4, 40);
  CHECK(to_hex(last.data) == "E30E4F05A0000003049F700107C50100");
  CHECK(last.next == 0);
  // One that is larger than the room comes alone rather than never.
  CHECK(status_page(entries, all, 1, 3).data.size() == 16);
  CHECK(status_page(entries, all, 1, 3).next == 2);
  CHECK(status_page(entries, {{0xA1}, {}}, 0, 1000).data.empty());
  CHECK(to_hex(status_page(entries, {{0xA0, 0x00, 0x00, 0x03, 0x03}, {0x9F70}}, 0, 1000).data) ==
        "E3049F700107");
}

TEST_CASE("INSTALL: fields with one octet of length, exactly as many as there are to be [GP-2.3.1#11.5]") {
  CHECK(fields("00", 1) == 1);
  CHECK(fields("0102 00 020304", 3) == 3);
  CHECK(fields("0102 00 020304", 2) == 99);
  CHECK(fields("0102 00 020304", 4) == 99);
  CHECK(fields("0102 00 0203", 3) == 99);
  CHECK(fields("", 1) == 99);
  CHECK(fields("", 0) == 0);
}

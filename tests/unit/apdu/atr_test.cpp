#include "cardea/apdu/atr.h"

#include "cardea/test/print.h"

namespace cardea::apdu {

namespace {

std::optional<Atr> parsed(std::string_view hex) {
  return parse_atr(from_hex(hex).value());
}

using Protocols = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("ATR: those of the card profiles") {
  struct Row {
    const char* name;
    const char* atr;
    const char* historical;
    Protocols protocols;
  };
  const Row rows[] = {
      {"PIV", "3B888131FE450073C84013009000FB", "0073C84013009000", {1}},
      {"PIV with its AID", "3B8B8131FE4580F9A0000003080000100042", "80F9A00000030800001000", {1}},
      {"PIV, YubiKey 5", "3BFD1300008131FE158073C021C057597562694B657940", "8073C021C057597562694B6579", {1}},
      {"GIDS", "3BF71800008031FE45736674652D6E66C4", "736674652D6E66", {0, 1}},
      {"IsoApplet", "3BF91800008131FE4543617264656149534F8F", "43617264656149534F", {1}},
      {"OpenPGP", "3BFA1300FF8131FE4500310573C001C0059000CE", "00310573C001C0059000", {1}},
      {"IDPrime", "3B7F96000080318065B084413DF6120FFE829000", "80318065B084413DF6120FFE829000", {0}},
      {"security domain", "3B8A8131FE450031C073C840C0059000DE", "0031C073C840C0059000", {1}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto atr = parsed(row.atr);
    REQUIRE(atr.has_value());
    CHECK(to_hex(atr->historical) == row.historical);
    CHECK(atr->protocols() == row.protocols);
  }
}

TEST_CASE("ATR: TCK covers everything from T0, and is there unless only T=0 is offered [ISO7816-3#8.2.5]") {
  const auto good = from_hex("3B888131FE450073C84013009000FB").value();
  for (std::size_t i = 1; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 0x01U;
    CAPTURE(i);
    CHECK_FALSE(parse_atr(bad).has_value());
  }
  CHECK_FALSE(parsed("3B888131FE450073C84013009000").has_value());
  CHECK_FALSE(parsed("3B888131FE450073C84013009000FB00").has_value());
  CHECK(parsed("3B00").has_value());
  CHECK_FALSE(parsed("3B003B").has_value());
}

TEST_CASE("ATR: interface bytes in their groups") {
  const auto atr = parsed("3BFD1300008131FE158073C021C057597562694B657940");
  REQUIRE(atr.has_value());
  REQUIRE(atr->interfaces.size() == 3);
  CHECK(atr->interfaces[0].ta == 0x13);
  CHECK(atr->interfaces[0].tb == 0x00);
  CHECK(atr->interfaces[0].tc == 0x00);
  CHECK_FALSE(atr->interfaces[0].protocol.has_value());
  CHECK_FALSE(atr->interfaces[1].ta.has_value());
  CHECK(atr->interfaces[1].protocol == 1);
  CHECK(atr->interfaces[2].ta == 0xFE);
  CHECK(atr->interfaces[2].tb == 0x15);
  CHECK(atr->interfaces[2].protocol == 1);
}

TEST_CASE("ATR: every truncation is refused, and so is what is too long or begins wrongly") {
  const auto whole = from_hex("3BFD1300008131FE158073C021C057597562694B657940").value();
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK_FALSE(parse_atr(BytesView{whole}.first(n)).has_value());
  auto wrong = whole;
  wrong[0] = 0x3C;
  CHECK_FALSE(parse_atr(wrong).has_value());
  CHECK_FALSE(parse_atr(Bytes(Atr::kMaxSize + 1, 0x3B)).has_value());
  CHECK(parsed("3F00").has_value());
}

TEST_CASE("ATR: the builder makes what the parser accepts, for 0 to 15 historical octets; more are cut") {
  for (std::size_t k = 0; k <= 16; ++k) {
    const Bytes historical(k, 0x43);
    const auto atr = parse_atr(make_t1_atr(historical));
    REQUIRE(atr.has_value());
    CHECK(atr->historical == Bytes(std::min<std::size_t>(k, 15), 0x43));
    CHECK(atr->protocols() == Protocols{1});
  }
  CHECK(to_hex(make_t1_atr(from_hex("0073C84013009000").value())) == "3B888131FE450073C84013009000FB");
}

}  // namespace cardea::apdu

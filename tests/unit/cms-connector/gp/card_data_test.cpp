#include "cardea/cms/gp/card_data.h"

#include <doctest/doctest.h>

#include "script.h"

using namespace cardea;
using namespace cardea::cms::gp;
using namespace cardea::cms::gp::testing;

TEST_CASE("card data name the secure channel protocols and their options [GPCS2.3.1#H.2]") {
  const auto both =
      parse_card_data(hex("663E733C06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03"
                          "640B06092A864886FC6B040255640B06092A864886FC6B040370"));
  REQUIRE(both);
  CHECK(*both == std::vector<Protocol>{{2, 0x55}, {3, 0x70}});
  CHECK(parse_card_data(hex("660B730906072A864886FC6B01")).value().empty());
  CHECK(parse_card_data(hex("660B740906072A864886FC6B01")).error().code == Errc::corrupt);
  CHECK(parse_card_data(hex("670B730906072A864886FC6B01")).error().code == Errc::corrupt);
  CHECK(parse_card_data({}).error().code == Errc::corrupt);
}

TEST_CASE("key information [GPCS2.3.1#11.3.3.1]") {
  const auto keys = parse_key_information(hex("E012C00401FF8010C00402FF8010C00403018820"));
  REQUIRE(keys);
  CHECK(*keys == std::vector<KeyInfo>{{1, 0xFF, 0x80, 16}, {2, 0xFF, 0x80, 16}, {3, 0x01, 0x88, 32}});
  CHECK(parse_key_information(hex("E000")).value().empty());
  CHECK(parse_key_information(hex("E005C00301FF80")).error().code == Errc::corrupt);
  CHECK(parse_key_information(hex("E006C10401FF8010")).error().code == Errc::corrupt);
}

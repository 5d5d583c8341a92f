#include "cardea/apdu/aid.h"

#include "cardea/test/print.h"

namespace cardea::apdu {

TEST_CASE("AID: 5 to 16 octets [ISO7816-4#12.3.4]") {
  for (std::size_t n = 0; n <= 20; ++n)
    CHECK(Aid::from(Bytes(n, 0xA0)).has_value() == (n >= 5 && n <= 16));
}

TEST_CASE("AID: selected by itself and by its beginnings of 5 octets or more [ISO7816-4#11.2.2]") {
  const auto octets = "A0 00 00 03 08 00 00 10 00 01 00"_hex;
  const auto piv = Aid::from(octets).value();
  const BytesView whole{octets};
  for (std::size_t n = 0; n <= whole.size(); ++n)
    CHECK(piv.selected_by(whole.first(n)) == (n >= 5));
  CHECK_FALSE(piv.selected_by("A0 00 00 03 08 00 00 10 00 01 01"_hex));
  CHECK_FALSE(piv.selected_by("A0 00 00 03 08 00 00 10 00 01 00 00"_hex));
  CHECK_FALSE(piv.selected_by("A0 00 00 03 97"_hex));
  CHECK(piv == Aid::from(whole).value());
  CHECK(equal(piv.octets(), whole));
}

}  // namespace cardea::apdu

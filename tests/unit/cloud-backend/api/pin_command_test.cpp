// PINs are taken out of commands before these go anywhere.
#include "cardea/api/pin_command.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"

using namespace cardea;
using api::PinStripper;

namespace {

struct Outcome {
  std::string sent;
  std::string field;  // "-": nothing is shown
  int reference = 0;
  int new_reference = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome strip(PinStripper& stripper, std::string_view hex) {
  const auto out = stripper.strip(from_hex(hex).value());
  if (!out.shown) return {to_hex(out.apdu), "-", 0, 0};
  return {to_hex(out.apdu), to_hex(out.shown->field.expose()), out.shown->reference,
          out.shown->new_reference};
}
Outcome strip(std::string_view hex) {
  PinStripper stripper;
  return strip(stripper, hex);
}
Outcome untouched(std::string_view hex) {
  return {std::string{hex}, "-", 0, 0};
}

}  // namespace

TEST_CASE("[C2] VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER keep their shape and lose their values") {
  CHECK(strip("0020008008313233343536FFFF") ==
        Outcome{"00200080080000000000000000", "313233343536FFFF", 0x80, 0});
  CHECK(
      strip("0024008010313233343536FFFF343832393133FFFF") ==
      Outcome{"002400801000000000000000000000000000000000", "313233343536FFFF343832393133FFFF", 0x80, 0x80});
  CHECK(strip("00240081103132333435363738"
              "3837363534333231") == Outcome{"002400811000000000000000000000000000000000",
                                             "31323334353637383837363534333231", 0x81, 0x81});
  CHECK(strip("002C008010"
              "3132333435363738343832393133FFFF") == Outcome{"002C00801000000000000000000000000000000000",
                                                             "3132333435363738343832393133FFFF", 0x81, 0x80});
}

TEST_CASE("[C2] extended lengths and an Le change nothing") {
  CHECK(strip("00200080000008313233343536FFFF") ==
        Outcome{"002000800000080000000000000000", "313233343536FFFF", 0x80, 0});
  CHECK(strip("0020008008313233343536FFFF00") ==
        Outcome{"0020008008000000000000000000", "313233343536FFFF", 0x80, 0});
  CHECK(strip("00200080000008313233343536FFFF0000") ==
        Outcome{"0020008000000800000000000000000000", "313233343536FFFF", 0x80, 0});
}

TEST_CASE("[C2] a status query, a log-out and all other commands go through as they are") {
  for (const auto* hex :
       {"00200080", "0020008000", "0020FF80", "00A4040009A00000030800001000", "00CB3FFF055C035FC105",
        "0087079A047C0282000", "8020008000", "8420008000", "80E2800004C0FFEE00", "0CCB3FFF0431323334"}) {
    CAPTURE(hex);
    if (!from_hex(hex)) continue;
    CHECK(strip(hex) == untouched(hex));
  }
}

TEST_CASE("[C2] other channels, references and lengths are stripped too: it may be a PIN") {
  CHECK(strip("012000800431323334").sent == "012000800400000000");
  CHECK(strip("402000800431323334").sent == "402000800400000000");
  CHECK(strip("002000000431323334").sent == "002000000400000000");
  CHECK(strip("0020FF800431323334").sent == "0020FF800400000000");
  CHECK(strip("00240080043132").sent ==
        "00240080000000");  // lengths that do not add up: 6700 comes from the card
  CHECK(strip("00240080043132").field == "-");
}

TEST_CASE("[C2] a chain: no part carries anything, the last one shows the whole [ISO7816-4#5.3.3]") {
  PinStripper stripper;
  CHECK(strip(stripper, "102000800331323300") == Outcome{"102000800300000000", "-", 0, 0});
  CHECK(strip(stripper, "1020008002343500") == Outcome{"1020008002000000", "-", 0, 0});
  CHECK(strip(stripper, "002000800336FFFF") == Outcome{"0020008003000000",
                                                       "3132333435"
                                                       "36FFFF",
                                                       0x80, 0});
  // The next one stands for itself.
  CHECK(strip(stripper, "0020008001AA").field == "AA");
}

TEST_CASE("[C2] a chain that is broken off is forgotten, as the card forgets it") {
  for (const auto* between : {"00A40400", "00C0000000", "00240080", "00200081"}) {
    CAPTURE(between);
    PinStripper stripper;
    (void)strip(stripper, "10200080023132");
    (void)strip(stripper, between);
    CHECK(strip(stripper, "0020008001AA").field == "AA");
  }
  PinStripper stripper;
  (void)strip(stripper, "10200080023132");
  stripper.reset();
  CHECK(strip(stripper, "0020008001AA").field == "AA");
  (void)strip(stripper, "10200080023132");
  (void)strip(stripper, "10240080023132");  // a part with another header begins another chain
  CHECK(strip(stripper, "0020008001AA").field == "AA");
}

TEST_CASE("an empty last part ends a chain") {
  PinStripper stripper;
  (void)strip(stripper, "1020008008313233343536FFFF");
  CHECK(strip(stripper, "00200080") == Outcome{"00200080", "313233343536FFFF", 0x80, 0});
}

TEST_CASE("a chain is no place to keep a workstation's memory") {
  PinStripper stripper;
  for (int i = 0; i < 100; ++i)
    (void)strip(stripper, "102000800A31323334353637383930");
  CHECK(strip(stripper, "0020008001AA").field.size() == 2 * 255);
}

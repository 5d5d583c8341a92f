#include "cardea/pin_values.h"

#include <algorithm>
#include <string_view>

#include "cardea/hex.h"

namespace cardea {

namespace {

constexpr auto kFactoryPin = "313233343536FFFF"_hex;
constexpr auto kFactoryPuk = "3132333435363738"_hex;

/// 000000, 12345678, 876543, aaaaaaaa.
bool is_straight(BytesView value) {
  for (const int step : {-1, 0, 1}) {
    const auto next = [step](std::uint8_t a, std::uint8_t b) { return b - a != step; };
    if (std::ranges::adjacent_find(value, next) == value.end()) return true;
  }
  return false;
}

}  // namespace

bool is_tried_first(BytesView value) {
  static constexpr std::string_view kKnown[] = {"112233",   "121212",   "123123",   "123321",  "159753",
                                                "147258",   "789456",   "456789",   "654321",  "11223344",
                                                "12341234", "12344321", "13371337", "69696969"};
  if (is_straight(value)) return true;
  return std::ranges::any_of(kKnown,
                             [value](std::string_view known) { return equal(value, as_bytes(known)); });
}

BytesView factory_pin() {
  return kFactoryPin;
}

BytesView factory_puk() {
  return kFactoryPuk;
}

}  // namespace cardea

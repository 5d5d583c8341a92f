#include "piv/pin_format.h"

#include <algorithm>
#include <array>

#include "cardea/pin_values.h"

namespace cardea::card::piv {

namespace {

constexpr std::size_t kMinimum = 6;
constexpr std::uint8_t kPadding = 0xFF;

/// The field without the padding at its end.
BytesView unpadded(BytesView field) {
  while (!field.empty() && field.back() == kPadding)
    field = field.first(field.size() - 1);
  return field;
}

}  // namespace

bool is_decimal_pin(BytesView field) {
  const auto is_digit = [](std::uint8_t b) { return b >= '0' && b <= '9'; };
  return is_padded_pin(field) && std::ranges::all_of(unpadded(field), is_digit);
}

bool is_padded_pin(BytesView field) {
  return field.size() == kPinSize && unpadded(field).size() >= kMinimum;
}

bool is_tried_first(BytesView field) {
  return cardea::is_tried_first(unpadded(field));
}

BytesView factory_value(PinRef reference) {
  return reference == PinRef::puk ? factory_puk() : factory_pin();
}

}  // namespace cardea::card::piv

#include "cardea/api/pin_form.h"

#include <algorithm>
#include <string>

#include "cardea/pin_values.h"

namespace cardea::api {
namespace {

constexpr std::size_t kShortest = 6;
constexpr std::uint8_t kPadding = 0xFF;
constexpr std::size_t kShortestPasscode = 8;
constexpr std::size_t kLongestPasscode = 30;

BytesView unpadded(BytesView field) {
  while (!field.empty() && field.back() == kPadding)
    field = field.first(field.size() - 1);
  return field;
}

bool is_digit(std::uint8_t octet) {
  return octet >= '0' && octet <= '9';
}
bool is_letter(std::uint8_t octet) {
  const auto lower = static_cast<std::uint8_t>(octet | 0x20U);
  return lower >= 'a' && lower <= 'z';
}

bool is_padded(BytesView field) {
  return field.size() == kPaddedPinSize && unpadded(field).size() >= kShortest;
}
bool is_decimal(BytesView field) {
  return is_padded(field) && std::ranges::all_of(unpadded(field), is_digit);
}

bool is_blocked_passcode(BytesView value) {
  static constexpr std::string_view kKnown[] = {"password", "passw0rd", "passcode", "qwerty12",
                                                "abcd1234", "1q2w3e4r", "letmein1", "welcome1"};
  std::string lower;
  for (const auto octet : value)
    lower.push_back(static_cast<char>(octet >= 'A' && octet <= 'Z' ? octet | 0x20U : octet));
  const bool known = std::ranges::any_of(
      kKnown, [&lower](std::string_view word) { return std::string_view{lower}.starts_with(word); });
  std::ranges::fill(lower, '\0');
  return known;
}

bool is_passcode(BytesView field) {
  const auto printable = [](std::uint8_t octet) { return octet >= 0x20 && octet != 0x7F; };
  return field.size() >= kShortestPasscode && field.size() <= kLongestPasscode &&
         std::ranges::all_of(field, printable);
}

}  // namespace

std::optional<PinForm> parse_pin_form(std::string_view word) {
  if (word == "decimal") return PinForm::decimal;
  if (word == "padded") return PinForm::padded;
  if (word == "passcode") return PinForm::passcode;
  return std::nullopt;
}

bool can_be_pin(PinForm form, BytesView field) {
  switch (form) {
    case PinForm::decimal:
      return is_decimal(field);
    case PinForm::padded:
      return field.size() == kPaddedPinSize;
    case PinForm::passcode:
      return is_passcode(field);
  }
  return false;
}

bool may_become_pin(PinForm form, BytesView field) {
  switch (form) {
    case PinForm::decimal:
      return is_decimal(field) && !is_tried_first(unpadded(field));
    case PinForm::padded:
      return is_padded(field);
    case PinForm::passcode:
      return is_passcode(field) && std::ranges::any_of(field, is_digit) &&
             std::ranges::any_of(field, is_letter) && !is_blocked_passcode(field);
  }
  return false;
}

bool may_become_puk(PinForm form, BytesView field) {
  return form == PinForm::passcode ? may_become_pin(form, field) : field.size() == kPaddedPinSize;
}

}  // namespace cardea::api

// What may be a PIN, where it is typed.
#include "cardea/api/pin_form.h"

#include <doctest/doctest.h>

#include "cardea/bytes.h"

using namespace cardea;
using api::PinForm;

namespace {

bool shown(PinForm form, std::string_view field) {
  return api::can_be_pin(form, as_bytes(field));
}
bool chosen(PinForm form, std::string_view field) {
  return api::may_become_pin(form, as_bytes(field));
}

}  // namespace

TEST_CASE("[C5] numeric PINs: six to eight digits, padded with FF [SP800-73-4/2#2.4.3]") {
  for (const auto* good : {"123456\xFF\xFF", "9182736\xFF", "91827364"}) {
    CAPTURE(good);
    CHECK(shown(PinForm::decimal, good));
  }
  for (const auto* bad : {"12345\xFF\xFF\xFF", "123456", "12345A\xFF\xFF",
                          "123456\xFF"
                          "7",
                          "1234567890", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(shown(PinForm::decimal, bad));
    CHECK_FALSE(chosen(PinForm::decimal, bad));
  }
}

TEST_CASE("[C5] numeric PINs that everybody tries first are not chosen, but may still be shown") {
  for (const auto* known :
       {"000000\xFF\xFF", "123456\xFF\xFF", "87654321", "7777777\xFF", "112233\xFF\xFF"}) {
    CAPTURE(known);
    CHECK(shown(PinForm::decimal, known));
    CHECK_FALSE(chosen(PinForm::decimal, known));
  }
  for (const auto* good : {"482913\xFF\xFF", "19283746", "123457\xFF\xFF"}) {
    CAPTURE(good);
    CHECK(chosen(PinForm::decimal, good));
  }
}

TEST_CASE("[C5] Yubico's form: whatever has eight octets is compared, six of any value are chosen") {
  CHECK(shown(PinForm::padded, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
  CHECK_FALSE(shown(PinForm::padded, "1234567"));
  CHECK(chosen(PinForm::padded, "123456\xFF\xFF"));
  CHECK(chosen(PinForm::padded, "secret\xFF\xFF"));
  CHECK_FALSE(chosen(PinForm::padded, "12345\xFF\xFF\xFF"));
  CHECK(api::may_become_puk(PinForm::padded, as_bytes("12\xFF\xFF\xFF\xFF\xFF\xFF")));
  CHECK_FALSE(api::may_become_puk(PinForm::padded, as_bytes("1234567")));
}

TEST_CASE(
    "[C5] passcodes: eight to thirty characters, a letter and a number among them, none that is known") {
  for (const auto* good : {"horse7battery", "Zq8-mm41", "abcdefghijklmnopqrstuvwxyz1234"}) {
    CAPTURE(good);
    CHECK(chosen(PinForm::passcode, good));
  }
  for (const auto* bad : {"horse7b", "horsebattery", "82736451", "abcdefghijklmnopqrstuvwxyz12345",
                          "Password1", "qwerty123456", "tab\tinside1"}) {
    CAPTURE(bad);
    CHECK_FALSE(chosen(PinForm::passcode, bad));
  }
}

TEST_CASE("forms by their names in the interface") {
  CHECK(api::parse_pin_form("decimal") == PinForm::decimal);
  CHECK(api::parse_pin_form("padded") == PinForm::padded);
  CHECK(api::parse_pin_form("passcode") == PinForm::passcode);
  CHECK_FALSE(api::parse_pin_form("Decimal"));
  CHECK_FALSE(api::parse_pin_form(""));
}

// What a person types, or a file has for them.
#include "typed.h"

#include <doctest/doctest.h>

#include "temp_folder.h"

namespace cardea::test {
namespace {

SecretBytes text(std::string_view value) {
  return SecretBytes{as_bytes(value)};
}
std::string plain(const Result<SecretBytes>& value) {
  if (!value) return "!" + value.error().what;
  return {value->expose().begin(), value->expose().end()};
}

TEST_CASE("typed: one line after the other from a file, without its line ends") {
  const TempFolder folder;
  write_file(folder / "lines", "first\r\n\nthird \nlast");
  agent::Typed from{folder / "lines"};
  CHECK(plain(from.secret("a")) == "first");
  CHECK(plain(from.secret_twice("b")).empty());
  CHECK(from.line("c").value() == "third ");
  CHECK(plain(from.secret("d")) == "last");
  CHECK(plain(from.secret("e")).empty());

  agent::Typed nowhere{folder / "nothing"};
  CHECK(plain(nowhere.secret("a")) == "!" + (folder / "nothing") + ": cannot be read");
  write_file(folder / "long", std::string(1025, 'x'));
  agent::Typed large{folder / "long"};
  CHECK(plain(large.secret("a")) == "!" + (folder / "long") + ": the line is too long");
}

TEST_CASE("typed: a PIN becomes a field, and a new one keeps the rules of its form [C5]") {
  using api::PinForm;
  CHECK(plain(agent::pin_field(PinForm::decimal, text("123456"))) == "123456\xFF\xFF");
  CHECK(plain(agent::pin_field(PinForm::padded, text("123456789"))) == "!a PIN has at most eight characters");
  CHECK(plain(agent::pin_field(PinForm::passcode, text("a passcode of 21 char"))) == "a passcode of 21 char");

  CHECK(plain(agent::new_pin_field(PinForm::decimal, text("471147"))) == "471147\xFF\xFF");
  for (const auto* wrong : {"123456", "47114", "4711471147", "47114a", ""}) {
    CHECK(plain(agent::new_pin_field(PinForm::decimal, text(wrong))) ==
          "!the new PIN must have six to eight digits, and must not be one that everybody tries first");
  }
  CHECK(plain(agent::new_pin_field(PinForm::padded, text("12345"))) ==
        "!the new PIN must have six to eight characters");
  CHECK(plain(agent::new_pin_field(PinForm::passcode, text("correct horse 7"))) == "correct horse 7");
  CHECK(plain(agent::new_pin_field(PinForm::passcode, text("no number")))
            .starts_with("!the new passcode must"));
}

}  // namespace
}  // namespace cardea::test

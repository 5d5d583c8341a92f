#include "typed.h"

#include <algorithm>
#include <iostream>

#include "secret_input.h"

namespace cardea::agent {
Result<SecretBytes> Typed::next(const std::string& prompt, bool echo) {
  if (file_ == "-") return read_secret_line(*Input::standard(), "standard input");
  if (!opened_) opened_ = from_terminal() ? Input::terminal() : Input::file(file_);
  if (!from_terminal()) {
    if (!opened_) return fail(Errc::invalid, file_ + ": cannot be read");
    return read_secret_line(*opened_, file_);
  }
  if (!opened_) return fail(Errc::invalid, prompt + ": there is no terminal; name a file");
  std::cerr << prompt << ": " << std::flush;
  opened_->set_echo(echo);
  auto line = read_secret_line(*opened_, prompt);
  opened_->set_echo(true);
  if (!echo) std::cerr << '\n';
  return line;
}

Result<SecretBytes> Typed::secret(const std::string& prompt) {
  return next(prompt, false);
}

Result<SecretBytes> Typed::secret_twice(const std::string& prompt) {
  CARDEA_TRY(auto first, next(prompt, false));
  if (!from_terminal()) return first;
  CARDEA_TRY(const auto second, next(prompt + ", once more", false));
  if (!same_secret(first, second)) return fail(Errc::invalid, prompt + ": the two are not the same");
  return first;
}

Result<std::string> Typed::line(const std::string& prompt) {
  CARDEA_TRY(const auto octets, next(prompt, true));
  return std::string{octets.expose().begin(), octets.expose().end()};
}

Result<SecretBytes> pin_field(api::PinForm form, const SecretBytes& pin) {
  if (form == api::PinForm::passcode) return pin.clone();
  if (pin.size() > api::kPaddedPinSize) return fail(Errc::invalid, "a PIN has at most eight characters");
  SecretBytes field{api::kPaddedPinSize};
  std::ranges::fill(field.expose(), std::uint8_t{0xFF});
  std::ranges::copy(pin.expose(), field.expose().begin());
  return field;
}

Result<SecretBytes> new_pin_field(api::PinForm form, const SecretBytes& pin) {
  const auto rule = [form] {
    switch (form) {
      case api::PinForm::decimal:
        return "the new PIN must have six to eight digits, and must not be one that everybody tries first";
      case api::PinForm::padded:
        return "the new PIN must have six to eight characters";
      case api::PinForm::passcode:
        break;
    }
    return "the new passcode must have eight to thirty characters, a letter and a number among them, and "
           "must "
           "not be one that everybody tries first";
  };
  auto field = pin_field(form, pin);
  if (!field || !api::may_become_pin(form, field->expose())) return fail(Errc::invalid, rule());
  return field;
}

}  // namespace cardea::agent

#include "typed.h"

#include <algorithm>
#include <iostream>

namespace cardea::agent {
namespace {

constexpr std::size_t kLongestLine = 1024;

/// One line, octet by octet, so that no buffer keeps what comes after it, or it.
Result<SecretBytes> read_line(Input& from, const std::string& what) {
  SecretBytes line{kLongestLine};
  std::size_t n = 0;
  std::uint8_t octet = 0;
  while (true) {
    const auto got = from.next(octet);
    if (got < 0) return fail(Errc::invalid, what + ": cannot be read");
    if (got == 0 || octet == '\n') break;
    if (n == line.size()) return fail(Errc::invalid, what + ": the line is too long");
    line.expose()[n++] = octet;
  }
  wipe({&octet, 1});
  while (n > 0 && line.expose()[n - 1] == '\r')
    --n;
  return SecretBytes{BytesView{line.expose()}.first(n)};
}

}  // namespace

Result<SecretBytes> Typed::next(const std::string& prompt, bool echo) {
  if (file_ == "-") return read_line(*Input::standard(), "standard input");
  if (!opened_) opened_ = from_terminal() ? Input::terminal() : Input::file(file_);
  if (!from_terminal()) {
    if (!opened_) return fail(Errc::invalid, file_ + ": cannot be read");
    return read_line(*opened_, file_);
  }
  if (!opened_) return fail(Errc::invalid, prompt + ": there is no terminal; name a file");
  std::cerr << prompt << ": " << std::flush;
  opened_->set_echo(echo);
  auto line = read_line(*opened_, prompt);
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

#pragma once

#include <memory>
#include <string>

#include "cardea/api/pin_form.h"
#include "cardea/result.h"
#include "cardea/secret.h"
#include "platform/input.h"

namespace cardea::agent {

/// Where a person's input comes from: the lines of a file, those of standard input ("-"), or what is typed at
/// the terminal where no file is named. Several inputs of "-" take one line after the other.
///
/// Errors: `invalid` with the file or what was asked for; never with what was read.
class Typed {
 public:
  explicit Typed(std::string file) : file_{std::move(file)} {}

  [[nodiscard]] bool from_terminal() const { return file_.empty(); }

  /// The next line without echo, or empty where there is none.
  Result<SecretBytes> secret(const std::string& prompt);
  /// The same, asked for twice where it is typed.
  Result<SecretBytes> secret_twice(const std::string& prompt);
  /// The next line of what is no secret.
  Result<std::string> line(const std::string& prompt);

 private:
  Result<SecretBytes> next(const std::string& prompt, bool echo);

  std::string file_;
  std::unique_ptr<Input> opened_;
};

/// A PIN as it stands in a command: padded with FF where its form is. Errors: `invalid` when it is too long.
Result<SecretBytes> pin_field(api::PinForm form, const SecretBytes& pin);

/// The same for one that is to be set, by the rules of its form. Errors: `invalid` with the rule.
Result<SecretBytes> new_pin_field(api::PinForm form, const SecretBytes& pin);

}  // namespace cardea::agent

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/bytes.h"
#include "script.h"

namespace cardea::transcript {

using Variables = std::map<std::string, Bytes>;

/// Octets written as hexadecimal, `$name` and `{function:argument:…}`, with spaces wherever they help.
/// Throws Mismatch.
Bytes evaluate(std::string_view text, const Variables& variables);

/// Whether `{name:…}` is a call and not a capture.
bool is_function(std::string_view name);

/// What an answer's data has to look like.
class Pattern {
 public:
  /// Hexadecimal, `$name`, calls, `?` for any octet, `*` for any octets, `{name:N}` and `{name:*}` to keep
  /// octets under a name. At most one part has no fixed length.
  Pattern(std::string_view text, const Variables& variables);

  /// Adds what was captured to `variables`, if the data fits.
  bool match(BytesView data, Variables& variables) const;

  /// As it would be written, calls and names resolved.
  [[nodiscard]] std::string describe() const;

 private:
  struct Part {
    enum class Kind { literal, any, capture } kind = Kind::literal;
    Bytes octets;                     // literal
    std::string name;                 // capture
    std::optional<std::size_t> size;  // any, capture; absent: as many as there are
  };
  [[nodiscard]] static std::optional<std::size_t> size_of(const Part& part);

  std::vector<Part> parts_;
};

/// Whether a status word (four digits) is `9000` or, where a digit is open, `61??`. There are no
/// alternatives: a card has one word.
bool status_matches(std::string_view wanted, const std::string& got);

}  // namespace cardea::transcript

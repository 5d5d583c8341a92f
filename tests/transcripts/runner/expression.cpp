#include "expression.h"

#include <algorithm>
#include <cctype>

#include "cardea/hex.h"
#include "functions.h"

namespace cardea::transcript {

namespace {

bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

/// Reads one thing after the other from a line of octets.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_{text} {}

  bool more() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0)
      ++at_;
    return at_ < text_.size();
  }
  [[nodiscard]] char peek() const { return text_[at_]; }
  void skip() { ++at_; }

  std::uint8_t octet() {
    if (at_ + 1 >= text_.size() || !is_hex(text_[at_]) || !is_hex(text_[at_ + 1])) {
      throw Mismatch{"not an octet: '" + std::string{text_.substr(at_, 2)} + "'"};
    }
    const auto value = from_hex(text_.substr(at_, 2)).value();
    at_ += 2;
    return value[0];
  }
  std::string name() {  // after $
    const auto begin = at_;
    while (at_ < text_.size() && is_name(text_[at_]))
      ++at_;
    return std::string{text_.substr(begin, at_ - begin)};
  }
  std::string_view braces() {  // at {, returns what is inside
    const auto begin = at_ + 1;
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '{') ++depth;
      if (text_[at_] == '}' && --depth == 0) return text_.substr(begin, at_++ - begin);
    }
    throw Mismatch{"a brace is not closed"};
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

const Bytes& variable(const std::string& name, const Variables& variables) {
  const auto it = variables.find(name);
  if (it == variables.end()) throw Mismatch{"$" + name + " has no value"};
  return it->second;
}

Bytes call(std::string_view inside, const Variables& variables) {
  auto arguments = split(inside, ':');
  const auto name = arguments.front();
  arguments.erase(arguments.begin());
  return call_function(name, arguments, variables);
}

}  // namespace

bool is_function(std::string_view name) {
  const auto names = function_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

Bytes evaluate(std::string_view text, const Variables& variables) {
  Bytes out;
  Scanner scan{text};
  while (scan.more()) {
    if (scan.peek() == '$') {
      scan.skip();
      append(out, variable(scan.name(), variables));
    } else if (scan.peek() == '{') {
      append(out, call(scan.braces(), variables));
    } else {
      out.push_back(scan.octet());
    }
  }
  return out;
}

Pattern::Pattern(std::string_view text, const Variables& variables) {
  Scanner scan{text};
  const auto literal = [this](BytesView octets) {
    if (parts_.empty() || parts_.back().kind != Part::Kind::literal) parts_.emplace_back();
    append(parts_.back().octets, octets);
  };
  while (scan.more()) {
    const char c = scan.peek();
    if (c == '?' || c == '*') {
      scan.skip();
      parts_.push_back({Part::Kind::any, {}, {}, c == '?' ? std::optional<std::size_t>{1} : std::nullopt});
    } else if (c == '$') {
      scan.skip();
      literal(variable(scan.name(), variables));
    } else if (c == '{') {
      const auto inside = scan.braces();
      const auto words = split(inside, ':');
      if (is_function(words.front())) {
        literal(call(inside, variables));
      } else {
        if (words.size() != 2) throw Mismatch{"a capture is {name:N} or {name:*}"};
        parts_.push_back(
            {Part::Kind::capture,
             {},
             words[0],
             words[1] == "*" ? std::nullopt : std::optional<std::size_t>{number_argument(words[1])}});
      }
    } else {
      const auto octet = scan.octet();
      literal({&octet, 1});
    }
  }
}

std::optional<std::size_t> Pattern::size_of(const Part& part) {
  return part.kind == Part::Kind::literal ? std::optional<std::size_t>{part.octets.size()} : part.size;
}

bool Pattern::match(BytesView data, Variables& variables) const {
  std::size_t fixed = 0;
  std::size_t open = 0;
  for (const auto& part : parts_) {
    const auto size = size_of(part);
    fixed += size.value_or(0);
    open += size ? 0U : 1U;
  }
  if (open > 1) throw Mismatch{"more than one part of open length"};
  if (data.size() < fixed || (open == 0 && data.size() != fixed)) return false;
  Variables found;
  auto rest = data;
  for (const auto& part : parts_) {
    const auto piece = rest.first(size_of(part).value_or(data.size() - fixed));
    rest = rest.subspan(piece.size());
    if (part.kind == Part::Kind::literal && !equal(piece, part.octets)) return false;
    if (part.kind == Part::Kind::capture) found[part.name] = to_bytes(piece);
  }
  for (auto& [name, value] : found)
    variables[name] = std::move(value);
  return true;
}

std::string Pattern::describe() const {
  std::string out;
  for (const auto& part : parts_) {
    if (!out.empty()) out += ' ';
    switch (part.kind) {
      case Part::Kind::literal:
        out += to_hex(part.octets);
        break;
      case Part::Kind::any:
        out += part.size ? "?" : "*";
        break;
      case Part::Kind::capture:
        out += "{" + part.name + ":" + (part.size ? std::to_string(*part.size) : "*") + "}";
        break;
    }
  }
  return out.empty() ? "no data" : out;
}

bool status_matches(std::string_view wanted, const std::string& got) {
  return wanted.size() == got.size() &&
         std::equal(wanted.begin(), wanted.end(), got.begin(), [](char w, char g) {
           return w == '?' || std::toupper(static_cast<unsigned char>(w)) == g;
         });
}

}  // namespace cardea::transcript

#include "cardea/utf8.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace cardea {
namespace {

/// A line of the table in RFC 3629, 4: first octets, second octets, and how many more follow (80 to BF).
struct Form {
  std::uint8_t low, high, second_low, second_high;
  std::size_t more;
};

constexpr std::array<Form, 9> kForms{{{0x00, 0x7F, 0, 0, 0},
                                      {0xC2, 0xDF, 0x80, 0xBF, 0},
                                      {0xE0, 0xE0, 0xA0, 0xBF, 1},
                                      {0xE1, 0xEC, 0x80, 0xBF, 1},
                                      {0xED, 0xED, 0x80, 0x9F, 1},
                                      {0xEE, 0xEF, 0x80, 0xBF, 1},
                                      {0xF0, 0xF0, 0x90, 0xBF, 2},
                                      {0xF1, 0xF3, 0x80, 0xBF, 2},
                                      {0xF4, 0xF4, 0x80, 0x8F, 2}}};

bool between(char c, std::uint8_t low, std::uint8_t high) {
  const auto octet = static_cast<std::uint8_t>(c);
  return octet >= low && octet <= high;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto form = std::find_if(kForms.begin(), kForms.end(),
                                   [&](const Form& f) { return between(text.front(), f.low, f.high); });
    if (form == kForms.end()) return false;
    text.remove_prefix(1);
    if (form->second_high == 0) continue;
    if (text.size() < 1 + form->more || !between(text.front(), form->second_low, form->second_high))
      return false;
    const auto rest = text.substr(1, form->more);
    if (!std::all_of(rest.begin(), rest.end(), [](char c) { return between(c, 0x80, 0xBF); })) return false;
    text.remove_prefix(1 + form->more);
  }
  return true;
}

}  // namespace cardea

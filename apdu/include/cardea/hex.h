#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/bytes.h"

namespace cardea {

/// Upper-case hexadecimal without separators, as the specifications print it.
std::string to_hex(BytesView bytes);

/// Reads hexadecimal in either case; white space and ':' between octets are skipped. Nothing when a character
/// is not hexadecimal or an octet is cut in half.
std::optional<Bytes> from_hex(std::string_view text);

namespace detail {

/// A hexadecimal literal, checked while compiling.
template <std::size_t N>
struct HexLiteral {
  std::array<char, N> text{};
  // NOLINTNEXTLINE(google-explicit-constructor): a template argument is made by converting the literal
  consteval HexLiteral(const char (&literal)[N]) { std::copy_n(literal, N, text.begin()); }

  static constexpr int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  }
  [[nodiscard]] constexpr std::size_t digits() const {
    std::size_t n = 0;
    for (const char c : text)
      n += digit(c) >= 0 ? 1 : 0;
    return n;
  }
  [[nodiscard]] constexpr bool valid() const {
    for (std::size_t i = 0; i + 1 < N; ++i) {
      if (digit(text[i]) < 0 && text[i] != ' ') return false;
    }
    return digits() % 2 == 0;
  }
};

}  // namespace detail

inline namespace literals {

/// `"A0 00 00 03 08"_hex` is a `std::array<std::uint8_t, 5>`; a mistake in it does not compile.
template <detail::HexLiteral H>
consteval auto operator""_hex() {
  static_assert(H.valid(), "hexadecimal digits in pairs, with spaces between them");
  std::array<std::uint8_t, H.digits() / 2> out{};
  std::size_t n = 0;
  for (const char c : H.text) {
    const int d = H.digit(c);
    if (d < 0) continue;
    out[n / 2] =
        static_cast<std::uint8_t>((static_cast<unsigned>(out[n / 2]) << 4U) | static_cast<unsigned>(d));
    ++n;
  }
  return out;
}

}  // namespace literals
}  // namespace cardea

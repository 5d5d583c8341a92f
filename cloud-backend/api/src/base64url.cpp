#include <array>

#include "cardea/api/jose.h"

// Not libsodium's reader: version 1.0.18 takes some octets above 0x7F for members of the alphabet.

namespace cardea::api {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNone = 0xFF;

constexpr std::array<std::uint8_t, 256> values() {
  std::array<std::uint8_t, 256> table{};
  for (auto& value : table)
    value = kNone;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}
constexpr auto kValues = values();

}  // namespace

std::string base64url(BytesView octets) {
  std::string text;
  text.reserve((octets.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const auto octet : octets) {
    bits = (bits << 8U) | octet;
    for (count += 8; count >= 6; count -= 6)
      text.push_back(kAlphabet[(bits >> (count - 6)) & 0x3FU]);
  }
  if (count > 0) text.push_back(kAlphabet[(bits << (6 - count)) & 0x3FU]);
  return text;
}

Result<Bytes> from_base64url(std::string_view text) {
  Bytes octets;
  octets.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const auto value = kValues[static_cast<unsigned char>(c)];
    if (value == kNone) return fail(Errc::invalid, "base64url has a character outside its alphabet");
    bits = (bits << 6U) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      octets.push_back(static_cast<std::uint8_t>(bits >> count));
    }
  }
  const bool stray_bits = (bits & ((1U << count) - 1U)) != 0;
  if (count == 6 || stray_bits) return fail(Errc::invalid, "base64url ends within an octet");
  return octets;
}

}  // namespace cardea::api

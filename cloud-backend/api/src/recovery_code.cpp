#include <algorithm>

#include "cardea/api/kdf.h"
#include "cardea/api/recovery.h"
#include "recovery_copy.h"

namespace cardea::api::recovery {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kGroup = 5;

std::optional<std::uint8_t> value_of(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  const auto at = kAlphabet.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint8_t>(at);
}

}  // namespace

Code Code::generate(const Randomness& random) {
  Code code;
  random(code.digits_.expose());
  for (auto& digit : code.digits_.expose())
    digit &= 0x1FU;
  return code;
}

Result<Code> Code::parse(std::string_view text) {
  Code code;
  std::size_t n = 0;
  for (const char c : text) {
    if (c == ' ' || c == '-' || c == '\n' || c == '\r' || c == '\t') continue;
    const auto value = value_of(c);
    if (!value) return fail(Errc::invalid, "a recovery code has letters and digits only, and no U");
    if (n == Digits::size()) return fail(Errc::invalid, "a recovery code has 20 characters; this has more");
    code.digits_.expose()[n++] = *value;
  }
  if (n < Digits::size()) {
    return fail(Errc::invalid, "a recovery code has 20 characters; this has " + std::to_string(n));
  }
  return code;
}

SecretBytes Code::text() const {
  constexpr std::size_t kDigits = 20;
  SecretBytes text{kDigits + kDigits / kGroup - 1};
  auto out = text.expose().begin();
  for (std::size_t i = 0; i < kDigits; ++i) {
    if (i > 0 && i % kGroup == 0) *out++ = '-';
    *out++ = static_cast<std::uint8_t>(kAlphabet[digits_.expose()[i]]);
  }
  return text;
}

std::array<std::uint8_t, 32> Code::name() const {
  const auto derived = derive_key(digits_.expose(), as_bytes("cardea/1 recovery code name"));
  std::array<std::uint8_t, 32> out{};
  std::ranges::copy(derived.expose(), out.begin());
  return out;
}

Result<Bytes> Code::protect(const Subject& subject, const CardSecret& secret,
                            const Randomness& random) const {
  const auto key = derive_key(digits_.expose(), as_bytes("cardea/1 recovery code key"));
  return seal_copy(key, copy_context("code", subject, {}), secret, random);
}

Result<CardSecret> Code::open(const Subject& subject, BytesView copy) const {
  const auto key = derive_key(digits_.expose(), as_bytes("cardea/1 recovery code key"));
  return open_copy(key, copy_context("code", subject, {}), copy);
}

}  // namespace cardea::api::recovery

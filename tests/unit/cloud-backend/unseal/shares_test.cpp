#include "cardea/unseal/shares.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace cardea::test {

namespace {

using unseal::Share;
using unseal::UnsealKey;

UnsealKey some_key() {
  UnsealKey key;
  for (std::size_t i = 0; i < key.size(); ++i)
    key.expose()[i] = static_cast<std::uint8_t>(7 * i + 1);
  return key;
}

std::string as_string(const SecretBytes& text) {
  return {text.expose().begin(), text.expose().end()};
}

// Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, the field of libgfshare, and interpolation at
// zero: written down from the definition, so that shares can be put together without that library.
unsigned multiply(unsigned a, unsigned b) {
  unsigned out = 0;
  for (; b != 0; b >>= 1U) {
    if ((b & 1U) != 0) out ^= a;
    a <<= 1U;
    if ((a & 0x100U) != 0) a ^= 0x11DU;
  }
  return out;
}
unsigned inverse(unsigned a) {
  unsigned out = 1;
  for (int i = 0; i < 254; ++i)
    out = multiply(out, a);
  return out;
}
Bytes interpolate(std::span<const Share> shares) {
  Bytes out(32);
  for (std::size_t i = 0; i < out.size(); ++i) {
    unsigned sum = 0;
    for (const auto& share : shares) {
      unsigned term = share.data.expose()[i];
      for (const auto& other : shares) {
        if (other.number == share.number) continue;
        term = multiply(term,
                        multiply(other.number, inverse(static_cast<unsigned>(other.number ^ share.number))));
      }
      sum ^= term;
    }
    out[i] = static_cast<std::uint8_t>(sum);
  }
  return out;
}

}  // namespace

TEST_CASE("any threshold of the shares gives the key, fewer do not [B6]") {
  const auto key = some_key();
  const auto shares = unseal::split(key, 3, 5).value();
  REQUIRE(shares.size() == 5);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = 0; b < 5; ++b) {
      for (std::size_t c = 0; c < 5; ++c) {
        if (a == b || b == c || a == c) continue;
        std::vector<Share> some;
        for (const auto i : {a, b, c})
          some.push_back(shares[i].clone());
        CHECK(same_secret(unseal::combine(some).value(), key));
        CHECK(interpolate(some) == to_bytes(key.expose()));
      }
    }
  }
  CHECK(unseal::combine(std::span{shares}.first(2)).error() ==
        Error{Errc::invalid, "there are too few shares"});
  CHECK(interpolate(std::span{shares}.first(2)) != to_bytes(key.expose()));
  CHECK(same_secret(unseal::combine(shares).value(), key));  // more than needed do no harm

  std::vector<Share> twice;
  for (const auto i : {0, 1, 1})
    twice.push_back(shares[static_cast<std::size_t>(i)].clone());
  CHECK(unseal::combine(twice).error() == Error{Errc::invalid, "one share is there twice"});
  std::vector<Share> forged;
  for (const auto i : {0, 1, 2})
    forged.push_back(shares[static_cast<std::size_t>(i)].clone());
  forged[2].data.expose()[9] ^= 1U;
  CHECK(unseal::combine(forged).error().code == Errc::corrupt);
  UnsealKey other;
  forged[2] = unseal::split(other, 3, 5).value()[2].clone();
  CHECK(unseal::combine(forged).error() == Error{Errc::invalid, "the shares are of different keys"});
}

TEST_CASE("limits of shares [B6]") {
  const auto key = some_key();
  for (const auto& [threshold, count] :
       {std::pair{1U, 3U}, std::pair{4U, 3U}, std::pair{0U, 0U}, std::pair{2U, 17U}}) {
    CHECK(unseal::split(key, threshold, count).error().code == Errc::invalid);
  }
  CHECK(same_secret(unseal::combine(unseal::split(key, 2, 2).value()).value(), key));
  CHECK(same_secret(unseal::combine(unseal::split(key, 16, 16).value()).value(), key));
  const auto whole = unseal::whole(key);
  CHECK(same_secret(unseal::combine({&whole, 1}).value(), key));
  // Two makings of shares have nothing in common.
  CHECK_FALSE(
      same_secret(unseal::split(key, 2, 3).value()[0].data, unseal::split(key, 2, 3).value()[0].data));
}

TEST_CASE("a share as people write it comes back, however it is typed [B6]") {
  const auto shares = unseal::split(some_key(), 3, 5).value();
  const auto text = as_string(unseal::to_text(shares[1], 5));
  INFO(text);
  CHECK(text.rfind("# Cardea share 2 of 5; any 3 open the key ", 0) == 0);
  CHECK(text.find("\nCARDEA-SHARE-1\n") != std::string::npos);
  const auto same = [&](const std::string& typed) {
    const auto share = unseal::parse_share(typed);
    if (!share) return share.error().what;
    const bool equal = share->number == 2 && share->threshold == 3 && share->key == shares[1].key &&
                       same_secret(share->data, shares[1].data);
    return std::string{equal ? "same" : "another"};
  };
  CHECK(same(text) == "same");
  auto typed = text;
  std::ranges::transform(typed, typed.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  CHECK(same(typed) == "same");
  std::string dashed;
  for (const char c : text.substr(text.find("CARDEA-SHARE-1")))
    dashed += c == ' ' ? '-' : c;
  CHECK(same(dashed) == "same");
  std::string confused = text.substr(text.find("CARDEA-SHARE-1"));
  for (auto i = confused.find('\n'); i < confused.size(); ++i) {
    if (confused[i] == '0') confused[i] = 'O';
    if (confused[i] == '1') confused[i] = 'l';
  }
  CHECK(same(confused) == "same");
}

TEST_CASE("a mistyped share is refused with the line that is wrong [B6]") {
  const auto shares = unseal::split(some_key(), 3, 5).value();
  const auto full = as_string(unseal::to_text(shares[0], 5));
  const auto text = full.substr(full.find("CARDEA-SHARE-1"));
  unsigned line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ++line;
    if (line == 1 || text[i] == ' ' || text[i] == '\n') continue;
    auto wrong = text;
    wrong[i] = text[i] == 'Z' ? 'Y' : 'Z';
    const auto share = unseal::parse_share(wrong);
    CAPTURE(i);
    REQUIRE_FALSE(share.has_value());
    // 0 and Z are 31 apart, which is what a line counts by: that confusion is left to the check of the whole.
    const bool is_line_check = text[i + 1] == '\n';
    CHECK(share.error().what == (text[i] == '0' && !is_line_check
                                     ? "the share is mistyped: its check does not match"
                                     : "line " + std::to_string(line) + " of the share is mistyped"));
  }
  const auto what = [](const std::string& typed) { return unseal::parse_share(typed).error().what; };
  CHECK(what("") == "this is not a share: the line CARDEA-SHARE-1 is not there");
  CHECK(what("CARDEA-SHARE-2\n") == "this share is of a later version of Cardea");
  CHECK(what(text.substr(0, text.size() / 2)).find("line 3 of the share has") == 0);
  CHECK(what(text.substr(0, text.rfind('\n', text.size() - 2) + 1)) == "the share is not complete");
  CHECK(what(text + "00000 0\n") == "the share has too many lines");
  CHECK(what("CARDEA-SHARE-1\nhello!\n") == "line 2 is not a line of a share");
}

}  // namespace cardea::test

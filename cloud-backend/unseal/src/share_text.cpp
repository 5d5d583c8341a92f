// Shares on paper. 47 octets: version 1, number 1, threshold 1, key id 8, data 32, check 4 (the beginning of
// the SHA-256 of all before). 75.2 characters of 5 bits, in four lines of up to 20, each with a check
// character.

#include <sodium.h>

#include <algorithm>

#include "cardea/unseal/shares.h"

namespace cardea::unseal {

namespace {

// Crockford's base 32.
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view kTitle = "CARDEA-SHARE-1";
constexpr std::size_t kOctets = 47;
constexpr std::size_t kCharacters = 76;
constexpr std::size_t kLine = 20;
constexpr std::size_t kGroup = 5;
constexpr unsigned kPrime = 31;

std::array<std::uint8_t, 4> check_of(BytesView octets) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> full{};
  crypto_hash_sha256(full.data(), octets.data(), octets.size());
  return {full[0], full[1], full[2], full[3]};
}

/// Finds every single wrong character and every exchange of two, but for one confusion in 31.
char line_check(std::string_view line) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < line.size(); ++i)
    sum += static_cast<unsigned>((i + 1) * kAlphabet.find(line[i]));
  return kAlphabet[sum % kPrime];
}

char normal(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') return '0';
  if (c == 'I' || c == 'L') return '1';
  return c;
}

}  // namespace

SecretBytes to_text(const Share& share, unsigned count) {
  Secret<kOctets + 1> octets;  // one more, so that the last character has all its bits
  auto room = octets.expose();
  room[0] = Share::kVersion;
  room[1] = share.number;
  room[2] = share.threshold;
  std::ranges::copy(share.key, room.begin() + 3);
  std::ranges::copy(share.data.expose(), room.begin() + 11);
  std::ranges::copy(check_of(room.first(kOctets - 4)), room.begin() + kOctets - 4);

  Secret<kCharacters> characters;
  for (std::size_t i = 0; i < kCharacters; ++i) {
    const auto bit = 5 * i;
    const auto pair = (static_cast<unsigned>(room[bit / 8]) << 8U) | room[std::min(bit / 8 + 1, kOctets)];
    characters.expose()[i] = static_cast<std::uint8_t>(kAlphabet[(pair >> (11 - bit % 8)) & 0x1FU]);
  }

  std::string head = share.number == 0
                         ? "# Cardea: the whole of the key " + text(share.key) + ", for one machine\n"
                         : "# Cardea share " + std::to_string(share.number) + " of " + std::to_string(count) +
                               "; any " + std::to_string(share.threshold) + " open the key " +
                               text(share.key) + "\n";
  head += "# Keep it secret, and away from the other shares.\n" + std::string{kTitle} + "\n";
  std::vector<std::uint8_t> out;
  out.reserve(head.size() + 2 * kCharacters);
  out.insert(out.end(), head.begin(), head.end());
  for (std::size_t begin = 0; begin < kCharacters; begin += kLine) {
    const auto size = std::min(kLine, kCharacters - begin);
    const auto line = BytesView{characters.expose()}.subspan(begin, size);
    for (std::size_t i = 0; i < size; ++i) {
      if (i > 0 && i % kGroup == 0) out.push_back(' ');
      out.push_back(line[i]);
    }
    const std::string_view as_text{reinterpret_cast<const char*>(line.data()),
                                   line.size()};  // NOLINT(*-reinterpret-cast): octets as characters
    out.push_back(' ');
    out.push_back(static_cast<std::uint8_t>(line_check(as_text)));
    out.push_back('\n');
  }
  SecretBytes result{BytesView{out}};
  sodium_memzero(out.data(), out.size());
  return result;
}

namespace {

enum class Title { none, known, later };

/// In place of the first characters of every line, which may be those of the secret: nothing that grows.
Title title_in(std::string_view raw) {
  Secret<24> start;
  const auto room = start.expose();
  std::size_t size = 0;
  for (const char c : raw.substr(0, room.size())) {
    if (c > ' ') room[size++] = static_cast<std::uint8_t>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  const auto begins_with = [&](std::string_view text) {
    return size >= text.size() && equal(BytesView{room}.first(text.size()), as_bytes(text));
  };
  if (size == std::string_view{kTitle}.size() && begins_with(kTitle)) return Title::known;
  return begins_with("CARDEA-SHARE-") ? Title::later : Title::none;
}

}  // namespace

Result<Share> parse_share(std::string_view input) {
  Secret<kCharacters> characters;
  std::size_t filled = 0;
  unsigned line_number = 0;
  bool titled = false;
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    const auto raw = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    ++line_number;
    if (!raw.empty() && raw.front() == '#') continue;
    Secret<kLine + 1> line;
    std::size_t size = 0;
    const auto title = title_in(raw);
    if (title == Title::later) return fail(Errc::invalid, "this share is of a later version of Cardea");
    if (title == Title::known) {
      titled = true;
      continue;
    }
    for (const char c : raw) {
      if (c == ' ' || c == '-' || c == '\t' || c == '\r') continue;
      const auto as_it_is_meant = normal(c);
      if (kAlphabet.find(as_it_is_meant) == std::string_view::npos || size == line.size()) {
        return fail(Errc::invalid, "line " + std::to_string(line_number) + " is not a line of a share");
      }
      line.expose()[size++] = static_cast<std::uint8_t>(as_it_is_meant);
    }
    if (size == 0) continue;
    const auto wanted = std::min(kLine, kCharacters - filled);
    const std::string_view as_text{reinterpret_cast<const char*>(line.expose().data()),
                                   size};  // NOLINT(*-reinterpret-cast): octets as characters
    if (wanted == 0) return fail(Errc::invalid, "the share has too many lines");
    if (size != wanted + 1) {
      return fail(Errc::invalid, "line " + std::to_string(line_number) + " of the share has " +
                                     std::to_string(size) + " characters and should have " +
                                     std::to_string(wanted + 1));
    }
    if (line_check(as_text.substr(0, wanted)) != as_text.back()) {
      return fail(Errc::invalid, "line " + std::to_string(line_number) + " of the share is mistyped");
    }
    std::copy_n(line.expose().begin(), wanted,
                characters.expose().begin() + static_cast<std::ptrdiff_t>(filled));
    filled += wanted;
  }
  if (!titled)
    return fail(Errc::invalid, "this is not a share: the line " + std::string{kTitle} + " is not there");
  if (filled != kCharacters) return fail(Errc::invalid, "the share is not complete");

  Secret<kOctets + 1> octets;
  auto room = octets.expose();
  for (std::size_t i = 0; i < kCharacters; ++i) {
    const auto value = static_cast<unsigned>(kAlphabet.find(static_cast<char>(characters.expose()[i])));
    const auto bit = 5 * i;
    const auto shifted = value << (11 - bit % 8);
    room[bit / 8] = static_cast<std::uint8_t>(room[bit / 8] | (shifted >> 8U));
    if (bit / 8 + 1 <= kOctets)
      room[bit / 8 + 1] = static_cast<std::uint8_t>(room[bit / 8 + 1] | (shifted & 0xFFU));
  }
  const auto wanted = check_of(room.first(kOctets - 4));
  if (!std::ranges::equal(wanted, room.subspan<kOctets - 4, 4>())) {
    return fail(Errc::invalid, "the share is mistyped: its check does not match");
  }
  Share out;
  if (room[0] != Share::kVersion) return fail(Errc::invalid, "this share is of a later version of Cardea");
  out.number = room[1];
  out.threshold = room[2];
  std::copy_n(room.begin() + 3, out.key.size(), out.key.begin());
  std::copy_n(room.begin() + 11, out.data.size(), out.data.expose().begin());
  if ((out.number == 0) != (out.threshold == 1) || out.threshold == 0)
    return fail(Errc::invalid, "the share makes no sense");
  return out;
}

}  // namespace cardea::unseal

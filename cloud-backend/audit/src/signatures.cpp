#include "signatures.h"

#include <algorithm>

#include "cardea/audit/checkpoint.h"
#include "cardea/audit/hash.h"
#include "cardea/hex.h"

namespace cardea::audit {

namespace {

constexpr std::string_view kDash = "\xE2\x80\x94 ";  // em dash and a blank
constexpr std::size_t kIdOctets = 4;

std::optional<SignatureLine> signature_of(std::string_view line) {
  if (!line.starts_with(kDash)) return std::nullopt;
  line.remove_prefix(kDash.size());
  const auto blank = line.find(' ');
  if (blank == 0 || blank == std::string_view::npos) return std::nullopt;
  const auto octets = from_base64(line.substr(blank + 1));
  if (!octets || octets->size() <= kIdOctets) return std::nullopt;
  return SignatureLine{line.substr(0, blank), Bytes(octets->begin(), octets->begin() + kIdOctets),
                       Bytes(octets->begin() + kIdOctets, octets->end())};
}

}  // namespace

std::optional<NoteParts> parts_of(std::string_view note) {
  // The signatures follow the last empty line.
  const auto gap = note.rfind("\n\n");
  if (gap == std::string_view::npos || !note.ends_with('\n')) return std::nullopt;
  NoteParts parts{note.substr(0, gap + 1), {}};
  auto lines = note.substr(gap + 2);
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    if (auto line = signature_of(lines.substr(0, end))) parts.lines.push_back(*std::move(line));
    lines.remove_prefix(end + 1);
  }
  return parts;
}

Bytes key_id(std::string_view name, BytesView typed_key) {
  Bytes all = to_bytes(as_bytes(name));
  all.push_back('\n');
  append(all, typed_key);
  const auto hash = sha256(all);
  return {hash.begin(), hash.begin() + kIdOctets};
}

std::string signature_line(std::string_view name, BytesView typed_key, BytesView signature) {
  auto octets = key_id(name, typed_key);
  append(octets, signature);
  return std::string{kDash} + std::string{name} + " " + base64(octets) + "\n";
}

std::string verifier_text(std::string_view name, BytesView typed_key) {
  std::string id = to_hex(key_id(name, typed_key));
  std::ranges::transform(id, id.begin(),
                         [](char c) { return c >= 'A' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::string{name} + "+" + id + "+" + base64(typed_key);
}

std::optional<Verifier> parse_verifier(std::string_view text) {
  const auto first = text.find('+');
  const auto second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (first == 0 || second == std::string_view::npos) return std::nullopt;
  auto octets = from_base64(text.substr(second + 1));
  if (!octets || octets->empty()) return std::nullopt;
  Verifier verifier{std::string{text.substr(0, first)}, *std::move(octets)};
  const bool blank = std::ranges::any_of(
      verifier.name, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7F'; });
  if (blank || verifier_text(verifier.name, verifier.typed_key) != text) return std::nullopt;
  return verifier;
}

}  // namespace cardea::audit

#include "cardea/audit/checkpoint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

namespace cardea::audit {

namespace {

tl::unexpected<Error> not_one() {
  return fail(Errc::corrupt, "this is no checkpoint");
}

/// Takes a line from the front; nothing when it does not end.
std::optional<std::string_view> line_of(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::optional<Hash> hash_of(std::string_view line) {
  const auto octets = from_base64(line);
  Hash hash{};
  if (!octets || octets->size() != hash.size()) return std::nullopt;
  std::ranges::copy(*octets, hash.begin());
  return hash;
}

}  // namespace

std::string base64(BytesView octets) {
  std::string out(4 * ((octets.size() + 2) / 3) + 1, '\0');
  // NOLINTNEXTLINE(*-reinterpret-cast): OpenSSL counts in unsigned char
  auto* text = reinterpret_cast<unsigned char*>(out.data());
  const int size = EVP_EncodeBlock(text, octets.data(), static_cast<int>(octets.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes out(text.size() / 4 * 3);
  const auto in = as_bytes(text);
  const int size = EVP_DecodeBlock(out.data(), in.data(), static_cast<int>(in.size()));
  if (size < 0) return std::nullopt;
  const auto padding = text.size() - text.find_last_not_of('=') - 1;
  out.resize(static_cast<std::size_t>(size) - (text.empty() ? 0 : padding));
  // OpenSSL is lenient about blanks and loose bits; a text has exactly one form here.
  if (base64(out) != text) return std::nullopt;
  return out;
}

std::string to_text(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + base64(checkpoint.root) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  Checkpoint checkpoint;
  const auto origin = line_of(text);
  const auto size = line_of(text);
  const auto root = line_of(text);
  if (!origin || origin->empty() || !size || !root || !text.empty()) return not_one();
  checkpoint.origin = *origin;
  const auto parsed = std::from_chars(size->data(), size->data() + size->size(), checkpoint.size);
  if (parsed.ec != std::errc{} || std::to_string(checkpoint.size) != *size) return not_one();
  const auto hash = hash_of(*root);
  if (!hash) return not_one();
  checkpoint.root = *hash;
  return checkpoint;
}

std::string to_text(const Proof& proof) {
  std::string out;
  for (const auto& hash : proof)
    out += base64(hash) + "\n";
  return out;
}

Result<Proof> parse_proof(std::string_view text) {
  Proof proof;
  while (!text.empty()) {
    const auto line = line_of(text);
    const auto hash = line ? hash_of(*line) : std::nullopt;
    if (!hash || proof.size() == 64) return fail(Errc::corrupt, "this is no proof");
    proof.push_back(*hash);
  }
  return proof;
}

}  // namespace cardea::audit

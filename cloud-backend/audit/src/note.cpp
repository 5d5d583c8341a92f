#include "cardea/audit/note.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cardea/audit/checkpoint.h"
#include "cardea/hex.h"

namespace cardea::audit {

namespace {

constexpr std::uint8_t kEcdsa = 0x02;
constexpr std::string_view kDash = "\xE2\x80\x94 ";  // em dash and a blank
/// SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480).
constexpr std::array<std::uint8_t, 26> kHeader{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                               0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
                                               0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

using Signature = std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Bytes typed_key(const NoteKey& key) {
  Bytes out{kEcdsa};
  append(out, kHeader);
  append(out, key.point);
  return out;
}

Bytes key_id(const NoteKey& key) {
  Bytes all = to_bytes(as_bytes(key.name));
  all.push_back('\n');
  append(all, typed_key(key));
  const auto hash = sha256(all);
  return Bytes(hash.begin(), hash.begin() + 4);
}

bool verifies(std::string_view text, const NoteKey& key, BytesView signature) {
  const Bytes typed = typed_key(key);
  const auto* at = typed.data() + 1;
  const Key parsed{d2i_PUBKEY(nullptr, &at, static_cast<long>(typed.size() - 1)), EVP_PKEY_free};
  const Context context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  if (!parsed || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, parsed.get()) != 1) return false;
  const auto message = as_bytes(text);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

tl::unexpected<Error> unsigned_note() {
  return fail(Errc::corrupt, "the note has no valid signature of the log's key");
}

}  // namespace

std::string to_text(const NoteKey& key) {
  std::string id = to_hex(key_id(key));
  std::ranges::transform(id, id.begin(),
                         [](char c) { return c >= 'A' ? static_cast<char>(c - 'A' + 'a') : c; });
  return key.name + "+" + id + "+" + base64(typed_key(key));
}

Result<NoteKey> parse_note_key(std::string_view text) {
  const auto bad = fail(Errc::corrupt, "this is no key of a log");
  const auto first = text.find('+');
  const auto second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return bad;
  const auto octets = from_base64(text.substr(second + 1));
  constexpr auto kBefore = 1 + kHeader.size();
  if (!octets || octets->size() != kBefore + 65) return bad;
  NoteKey key{std::string{text.substr(0, first)}, Bytes(octets->begin() + kBefore, octets->end())};
  if (key.name.empty() || to_text(key) != text) return bad;
  return key;
}

Result<std::string> sign_note(const std::string& text, const NoteKey& key, BytesView signature) {
  if (signature.size() != 64 || !text.ends_with('\n'))
    return fail(Errc::invalid, "this cannot become a note");
  const Signature pair{ECDSA_SIG_new(), ECDSA_SIG_free};
  if (!pair || ECDSA_SIG_set0(pair.get(), BN_bin2bn(signature.data(), 32, nullptr),
                              BN_bin2bn(signature.data() + 32, 32, nullptr)) != 1) {
    return fail(Errc::exhausted, "no memory for a signature");
  }
  std::array<std::uint8_t, 80> der{};
  auto* end = der.data();
  const int size = i2d_ECDSA_SIG(pair.get(), &end);
  Bytes line = key_id(key);
  append(line, BytesView{der}.first(static_cast<std::size_t>(size)));
  return text + "\n" + std::string{kDash} + key.name + " " + base64(line) + "\n";
}

Result<std::string> open_note(std::string_view note, const NoteKey& key) {
  // The signatures follow the last empty line.
  const auto gap = note.rfind("\n\n");
  if (gap == std::string_view::npos) return unsigned_note();
  const auto text = note.substr(0, gap + 1);
  auto lines = note.substr(gap + 2);
  const auto id = key_id(key);
  const std::string begins = std::string{kDash} + key.name + " ";
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    if (end == std::string_view::npos) return unsigned_note();
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    if (!line.starts_with(begins)) continue;
    const auto octets = from_base64(line.substr(begins.size()));
    if (!octets || octets->size() <= 4 || !std::equal(id.begin(), id.end(), octets->begin())) continue;
    if (verifies(text, key, BytesView{*octets}.subspan(4))) return std::string{text};
  }
  return unsigned_note();
}

}  // namespace cardea::audit

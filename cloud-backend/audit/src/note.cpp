#include "cardea/audit/note.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cardea/audit/hash.h"
#include "signatures.h"

namespace cardea::audit {

namespace {

constexpr std::uint8_t kEcdsa = 0x02;
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

bool verifies(std::string_view text, BytesView typed, BytesView signature) {
  const auto* at = typed.data() + 1;
  const Key parsed{d2i_PUBKEY(nullptr, &at, static_cast<long>(typed.size() - 1)), EVP_PKEY_free};
  const Context context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  if (!parsed || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, parsed.get()) != 1) return false;
  const auto message = as_bytes(text);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace

std::string to_text(const NoteKey& key) {
  return verifier_text(key.name, typed_key(key));
}

Result<NoteKey> parse_note_key(std::string_view text) {
  const auto verifier = parse_verifier(text);
  constexpr auto kBefore = 1 + kHeader.size();
  if (!verifier || verifier->typed_key.size() != kBefore + 65)
    return fail(Errc::corrupt, "this is no key of a log");
  NoteKey key{verifier->name, Bytes(verifier->typed_key.begin() + kBefore, verifier->typed_key.end())};
  if (typed_key(key) != verifier->typed_key) return fail(Errc::corrupt, "this is no key of a log");
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
  return text + "\n" +
         signature_line(key.name, typed_key(key), BytesView{der}.first(static_cast<std::size_t>(size)));
}

Result<std::string> open_note(std::string_view note, const NoteKey& key) {
  const auto typed = typed_key(key);
  const auto id = key_id(key.name, typed);
  if (const auto parts = parts_of(note)) {
    for (const auto& line : parts->lines) {
      if (line.name == key.name && line.id == id && verifies(parts->text, typed, line.signature))
        return std::string{parts->text};
    }
  }
  return fail(Errc::corrupt, "the note has no valid signature of the log's key");
}

}  // namespace cardea::audit

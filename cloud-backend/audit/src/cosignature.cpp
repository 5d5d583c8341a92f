#include "cardea/audit/cosignature.h"

#include <openssl/evp.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "signatures.h"

namespace cardea::audit {

namespace {

constexpr std::uint8_t kCosignature = 0x04;
constexpr std::size_t kTimeOctets = 8;
constexpr std::size_t kSignatureOctets = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Bytes typed_key(const CosignerKey& key) {
  Bytes out{kCosignature};
  append(out, key.key);
  return out;
}

bool verifies(std::string_view message, const CosignerKey& key, BytesView signature) {
  const Key parsed{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.key.data(), key.key.size()),
                   EVP_PKEY_free};
  const Context context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  if (!parsed || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, parsed.get()) != 1) return false;
  const auto octets = as_bytes(message);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), octets.data(), octets.size()) ==
         1;
}

}  // namespace

std::string to_text(const CosignerKey& key) {
  return verifier_text(key.name, typed_key(key));
}

Result<CosignerKey> parse_cosigner_key(std::string_view text) {
  const auto verifier = parse_verifier(text);
  CosignerKey key;
  if (!verifier || verifier->typed_key.size() != 1 + key.key.size() ||
      verifier->typed_key.front() != kCosignature) {
    return fail(Errc::corrupt, "this is no key of a witness");
  }
  key.name = verifier->name;
  std::copy(verifier->typed_key.begin() + 1, verifier->typed_key.end(), key.key.begin());
  return key;
}

std::string cosigned_message(std::uint64_t time, std::string_view text) {
  return "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string{text};
}

std::string cosignature_line(const CosignerKey& key, std::uint64_t time, BytesView signature) {
  Bytes octets;
  append_be64(octets, time);
  append(octets, signature);
  return signature_line(key.name, typed_key(key), octets);
}

Result<std::uint64_t> open_cosignature(std::string_view note, const CosignerKey& key) {
  const auto id = key_id(key.name, typed_key(key));
  std::optional<std::uint64_t> latest;
  if (const auto parts = parts_of(note)) {
    for (const auto& line : parts->lines) {
      if (line.name != key.name || line.id != id || line.signature.size() != kTimeOctets + kSignatureOctets)
        continue;
      const BytesView octets{line.signature};
      const auto time = read_be(octets.first(kTimeOctets));
      if (time > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) continue;
      if (verifies(cosigned_message(time, parts->text), key, octets.subspan(kTimeOctets)))
        latest = std::max(latest.value_or(0), time);
    }
  }
  if (!latest) return fail(Errc::corrupt, "the note has no valid cosignature of the witness");
  return *latest;
}

}  // namespace cardea::audit

#include "spare_box.h"

#include <sodium.h>

#include "cardea/vault/sealed_key.h"

namespace cardea::keyring {

namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;

Bytes context(const std::string& organisation, const card::PublicKey& key) {
  Bytes out = to_bytes(as_bytes(std::string_view{"cardea spare key 1"}));
  append_be32(out, static_cast<std::uint32_t>(organisation.size()));
  append(out, as_bytes(organisation));
  append(out, vault::public_key_encoding(key.algorithm, key));
  return out;
}

}  // namespace

Bytes box_spare(const SecretBytes& pool_key, const std::string& organisation, const vault::SpareKey& spare,
                card::Rng& rng) {
  const auto aad = context(organisation, spare.public_key);
  Bytes out(kNonce + spare.sealed.size() + kTag);
  rng.fill(std::span{out}.first(kNonce));
  (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kNonce, nullptr, spare.sealed.data(),
                                                   spare.sealed.size(), aad.data(), aad.size(), nullptr,
                                                   out.data(), pool_key.expose().data());
  return out;
}

std::optional<Bytes> open_spare(const SecretBytes& pool_key, const std::string& organisation,
                                const card::PublicKey& public_key, BytesView box) {
  if (box.size() < kNonce + kTag) return std::nullopt;
  const auto aad = context(organisation, public_key);
  Bytes out(box.size() - kNonce - kTag);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, box.data() + kNonce,
                                                 box.size() - kNonce, aad.data(), aad.size(), box.data(),
                                                 pool_key.expose().data()) != 0) {
    return std::nullopt;
  }
  return out;
}

}  // namespace cardea::keyring

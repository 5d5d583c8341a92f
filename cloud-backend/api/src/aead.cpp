#include "cardea/api/aead.h"

#include <sodium.h>

#include "sodium_ready.h"

namespace cardea::api {
namespace {

static_assert(crypto_aead_aes256gcm_KEYBYTES == kAeadKeySize);
static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == kAeadKeySize);
static_assert(crypto_aead_aes256gcm_ABYTES == kAeadTagSize);
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == kAeadTagSize);

tl::unexpected<Error> not_here() {
  return fail(Errc::unsupported, "this machine cannot compute the authenticated encryption that was used");
}

}  // namespace

bool available(Aead aead) {
  sodium_ready();
  switch (aead) {
    case Aead::aes256gcm:
      return crypto_aead_aes256gcm_is_available() == 1;
    case Aead::chacha20poly1305:
      return true;
  }
  return false;
}

Result<Bytes> aead_seal(Aead aead, const Secret<kAeadKeySize>& key, const AeadNonce& nonce, BytesView aad,
                        BytesView plain) {
  if (!available(aead)) return not_here();
  Bytes out(plain.size() + kAeadTagSize);
  const auto seal =
      aead == Aead::aes256gcm ? crypto_aead_aes256gcm_encrypt : crypto_aead_chacha20poly1305_ietf_encrypt;
  seal(out.data(), nullptr, plain.data(), plain.size(), aad.data(), aad.size(), nullptr, nonce.data(),
       key.expose().data());
  return out;
}

Result<SecretBytes> aead_open(Aead aead, const Secret<kAeadKeySize>& key, const AeadNonce& nonce,
                              BytesView aad, BytesView sealed) {
  if (!available(aead)) return not_here();
  const auto wrong = [] {
    return fail(Errc::denied, "this was not sealed with this key, or it was changed");
  };
  if (sealed.size() < kAeadTagSize) return wrong();
  // For an empty text this is a null pointer, with which libsodium checks the tag and writes nothing.
  SecretBytes plain{sealed.size() - kAeadTagSize};
  const auto open =
      aead == Aead::aes256gcm ? crypto_aead_aes256gcm_decrypt : crypto_aead_chacha20poly1305_ietf_decrypt;
  if (open(plain.expose().data(), nullptr, nullptr, sealed.data(), sealed.size(), aad.data(), aad.size(),
           nonce.data(), key.expose().data()) != 0) {
    return wrong();
  }
  return plain;
}

}  // namespace cardea::api

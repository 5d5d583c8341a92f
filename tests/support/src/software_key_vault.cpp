#include "cardea/test/software_key_vault.h"

#include <openssl/sha.h>

#include <algorithm>

#include "cardea/test/block_cipher.h"
#include "ec_math.h"
#include "openssl.h"
#include "rsa_math.h"

namespace cardea::test {

namespace {

using card::Algorithm;

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

Bytes sha512(BytesView data) {
  Bytes out(SHA512_DIGEST_LENGTH);
  SHA512(data.data(), data.size(), out.data());
  return out;
}

/// What a sealed key is bound to.
Bytes binding(card::KeySlot slot, Algorithm algorithm) {
  Bytes out{slot.reference, static_cast<std::uint8_t>(algorithm)};
  append_be64(out, slot.version);
  return out;
}

RsaPrimes primes_of(const SecretBytes& secret) {
  const auto half = secret.size() / 2;
  return {SecretBytes{secret.expose().first(half)}, SecretBytes{secret.expose().last(half)}};
}

tl::unexpected<Error> wrong_kind() {
  return fail(Errc::invalid, "this key is not of the kind that the operation needs");
}

}  // namespace

SoftwareKeyVault::SoftwareKeyVault(std::uint64_t seed) : seed_{seed} {
  Bytes key = derive(as_bytes("sealing key"));
  std::copy_n(key.begin(), sealing_key_.size(), sealing_key_.begin());
}

Result<void> SoftwareKeyVault::check_available() const {
  if (!available_) return fail(Errc::unavailable, "the key vault does not answer (planned by the test)");
  return {};
}

Bytes SoftwareKeyVault::derive(BytesView label) {
  Bytes input = to_bytes(label);
  append_be64(input, seed_);
  append_be64(input, counter_++);
  return sha512(input);
}

bool SoftwareKeyVault::supports(Algorithm algorithm) const {
  return card::is_symmetric(algorithm) || card::is_rsa(algorithm) || card::is_ec(algorithm) ||
         card::is_25519(algorithm);
}

Result<card::KeyHandle> SoftwareKeyVault::seal(card::KeySlot slot, Algorithm algorithm, BytesView secret,
                                               card::PublicKey public_key) {
  const Bytes nonce = derive(as_bytes("nonce"));
  const Bytes bound = binding(slot, algorithm);
  Bytes sealed(kNonce + secret.size() + kTag);
  std::copy_n(nonce.begin(), kNonce, sealed.begin());
  const CipherCtx ctx{EVP_CIPHER_CTX_new()};
  int n = 0;
  const bool done =
      EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, sealing_key_.data(), sealed.data()) == 1 &&
      EVP_EncryptUpdate(ctx.get(), nullptr, &n, bound.data(), static_cast<int>(bound.size())) == 1 &&
      EVP_EncryptUpdate(ctx.get(), sealed.data() + kNonce, &n, secret.data(),
                        static_cast<int>(secret.size())) == 1 &&
      EVP_EncryptFinal_ex(ctx.get(), sealed.data() + kNonce + n, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kTag, sealed.data() + kNonce + secret.size()) == 1;
  if (!done) return fail(Errc::unavailable, "OpenSSL cannot seal");
  return card::KeyHandle{algorithm, slot, std::move(sealed), std::move(public_key)};
}

Result<SecretBytes> SoftwareKeyVault::unseal(const card::KeyHandle& key) const {
  CARDEA_CHECK(check_available());
  if (key.sealed.size() <= kNonce + kTag) return fail(Errc::corrupt, "a sealed key is cut off");
  const Bytes bound = binding(key.slot, key.algorithm);
  Bytes tag(key.sealed.end() - kTag, key.sealed.end());
  SecretBytes out{key.sealed.size() - kNonce - kTag};
  const CipherCtx ctx{EVP_CIPHER_CTX_new()};
  int n = 0;
  const bool good =
      EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, sealing_key_.data(), key.sealed.data()) ==
          1 &&
      EVP_DecryptUpdate(ctx.get(), nullptr, &n, bound.data(), static_cast<int>(bound.size())) == 1 &&
      EVP_DecryptUpdate(ctx.get(), out.expose().data(), &n, key.sealed.data() + kNonce,
                        static_cast<int>(out.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(ctx.get(), out.expose().data() + n, &n) == 1;
  if (!good) return fail(Errc::corrupt, "a sealed key is damaged or belongs elsewhere");
  return out;
}

Result<card::KeyHandle> SoftwareKeyVault::generate(card::KeySlot slot, Algorithm algorithm) {
  CARDEA_CHECK(check_available());
  if (card::is_rsa(algorithm)) {
    const auto primes = rsa_pool(algorithm, rsa_drawn_++);
    Bytes both = concat({primes.p.expose(), primes.q.expose()});
    const WipeOnExit wiped{both};
    return seal(slot, algorithm, both, rsa_public(algorithm, primes).value());
  }
  if (card::is_ec(algorithm))
    return import_ec(slot, algorithm, ec_scalar(algorithm, derive(as_bytes("scalar"))));
  Bytes key = derive(as_bytes("key"));
  const WipeOnExit wiped{key};
  if (card::is_25519(algorithm)) return import_ec(slot, algorithm, SecretBytes{BytesView{key}.first(32)});
  return seal(slot, algorithm, BytesView{key}.first(card::key_size(algorithm)), {});
}

Result<card::KeyHandle> SoftwareKeyVault::import_rsa(card::KeySlot slot, Algorithm algorithm,
                                                     const card::RsaPrivateParts& parts) {
  CARDEA_CHECK(check_available());
  if (!card::is_rsa(algorithm)) return wrong_kind();
  const auto half = card::field_size(algorithm) / 2;
  for (const auto* part : {&parts.p, &parts.q, &parts.dp, &parts.dq, &parts.qinv}) {
    if (part->size() != half) return fail(Errc::invalid, "an RSA component has the wrong length");
  }
  const auto public_key = rsa_public(algorithm, {parts.p.clone(), parts.q.clone()});
  if (!public_key || !rsa_parts_fit(parts))
    return fail(Errc::invalid, "the RSA components do not fit together");
  Bytes both = concat({parts.p.expose(), parts.q.expose()});
  const WipeOnExit wiped{both};
  return seal(slot, algorithm, both, *public_key);
}

Result<card::KeyHandle> SoftwareKeyVault::import_ec(card::KeySlot slot, Algorithm algorithm,
                                                    const SecretBytes& scalar) {
  CARDEA_CHECK(check_available());
  if (!card::is_ec(algorithm) && !card::is_25519(algorithm)) return wrong_kind();
  const auto point = card::is_25519(algorithm) ? point_25519(algorithm, scalar.expose())
                                               : ec_public(algorithm, scalar.expose());
  if (!point) return fail(Errc::invalid, "this number is no private key of the curve");
  card::PublicKey public_key;
  public_key.algorithm = algorithm;
  public_key.point = *point;
  return seal(slot, algorithm, scalar.expose(), std::move(public_key));
}

Result<card::KeyHandle> SoftwareKeyVault::import_symmetric(card::KeySlot slot, Algorithm algorithm,
                                                           const SecretBytes& key) {
  CARDEA_CHECK(check_available());
  if (!card::is_symmetric(algorithm)) return wrong_kind();
  if (key.size() != card::key_size(algorithm)) return fail(Errc::invalid, "the key has the wrong length");
  return seal(slot, algorithm, key.expose(), {});
}

Result<SecretBytes> SoftwareKeyVault::rsa_private(const card::KeyHandle& key, BytesView block) {
  if (!card::is_rsa(key.algorithm)) return wrong_kind();
  CARDEA_TRY(const auto secret, unseal(key));
  if (block.size() != card::field_size(key.algorithm) || !below_modulus(key.public_key, block)) {
    return fail(Errc::invalid, "the block is not below the modulus");
  }
  auto out = rsa_power(key.algorithm, primes_of(secret), block);
  if (!equal(rsa_public_power(key.public_key, out.expose()), block)) {
    return fail(Errc::corrupt, "the result does not belong to the public key");
  }
  ++uses_;
  return out;
}

Result<Bytes> SoftwareKeyVault::ecdsa_sign(const card::KeyHandle& key, BytesView digest) {
  if (!card::is_ec(key.algorithm)) return wrong_kind();
  CARDEA_TRY(const auto secret, unseal(key));
  if (digest.size() != card::digest_size(key.algorithm))
    return fail(Errc::invalid, "the digest has the wrong length");
  Bytes input = concat({secret.expose(), digest});
  const WipeOnExit wiped{input};
  auto out = ecdsa(key.algorithm, secret.expose(), digest, sha512(input));
  if (!ecdsa_verifies(key.algorithm, key.public_key.point, digest, out)) {
    return fail(Errc::corrupt, "the signature does not belong to the public key");
  }
  ++uses_;
  return out;
}

Result<Bytes> SoftwareKeyVault::eddsa_sign(const card::KeyHandle& key, BytesView message) {
  if (key.algorithm != Algorithm::ed25519) return wrong_kind();
  CARDEA_TRY(const auto secret, unseal(key));
  auto out = ed25519_sign(secret.expose(), message);
  if (!ed25519_verifies(key.public_key.point, message, out)) {
    return fail(Errc::corrupt, "the signature does not belong to the public key");
  }
  ++uses_;
  return out;
}

Result<SecretBytes> SoftwareKeyVault::ecdh(const card::KeyHandle& key, BytesView peer) {
  const bool montgomery = key.algorithm == Algorithm::x25519;
  if (!card::is_ec(key.algorithm) && !montgomery) return wrong_kind();
  CARDEA_TRY(const auto secret, unseal(key));
  auto x = montgomery ? x25519(secret.expose(), peer) : ecdh_x(key.algorithm, secret.expose(), peer);
  if (!x) return fail(Errc::invalid, "the peer's key is not a point of the curve");
  ++uses_;
  return *std::move(x);
}

Result<SecretBytes> SoftwareKeyVault::encrypt_block(const card::KeyHandle& key, BytesView block) {
  if (!card::is_symmetric(key.algorithm)) return wrong_kind();
  CARDEA_TRY(const auto secret, unseal(key));
  if (block.size() != card::block_size(key.algorithm)) return fail(Errc::invalid, "one block at a time");
  const auto out = ecb_encrypt(key.algorithm, secret.expose(), block);
  if (!out) return fail(Errc::unavailable, "OpenSSL cannot encrypt");
  ++uses_;
  return SecretBytes{BytesView{*out}};
}

Result<SecretBytes> SoftwareKeyVault::decrypt_block(const card::KeyHandle& key, BytesView block) {
  if (!card::is_symmetric(key.algorithm)) return wrong_kind();
  CARDEA_TRY(const auto secret, unseal(key));
  if (block.size() != card::block_size(key.algorithm)) return fail(Errc::invalid, "one block at a time");
  const auto out = ecb_decrypt(key.algorithm, secret.expose(), block);
  if (!out) return fail(Errc::unavailable, "OpenSSL cannot decrypt");
  ++uses_;
  return SecretBytes{BytesView{*out}};
}

Result<void> SoftwareKeyVault::discard(const card::KeyHandle& /*key*/) {
  return check_available();
}

}  // namespace cardea::test

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cardea/api/jose.h"
#include "cardea/api/json.h"

namespace cardea::api {

SigningKey generate_signing_key() {
  SecretBytes seed{crypto_sign_SEEDBYTES};
  randombytes_buf(seed.expose().data(), seed.size());
  return std::move(*signing_key_from_seed(seed));
}

Result<SigningKey> signing_key_from_seed(const SecretBytes& seed) {
  if (seed.size() != crypto_sign_SEEDBYTES)
    return fail(Errc::invalid, "the seed of an Ed25519 key has 32 octets");
  SigningKey key;
  crypto_sign_seed_keypair(key.public_key.data(), key.private_key.expose().data(), seed.expose().data());
  return key;
}

nlohmann::json to_jwk(const VerifyKey& key) {
  return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(key)}};
}

Result<VerifyKey> from_jwk(const nlohmann::json& jwk) {
  if (text_member(jwk, "kty") != "OKP" || text_member(jwk, "crv") != "Ed25519")
    return fail(Errc::invalid, "the JWK is not an Ed25519 key");
  if (jwk.contains("d")) return fail(Errc::invalid, "the JWK contains a private key");
  CARDEA_TRY(const auto x, from_base64url(text_member(jwk, "x")));
  VerifyKey key{};
  if (x.size() != key.size()) return fail(Errc::invalid, "the JWK's \"x\" has not 32 octets");
  std::copy(x.begin(), x.end(), key.begin());
  // A point of small order would verify signatures that nobody made.
  if (crypto_core_ed25519_is_valid_point(key.data()) != 1)
    return fail(Errc::invalid, "the JWK's \"x\" is no point of the curve");
  return key;
}

std::string thumbprint(const VerifyKey& key) {
  // RFC 7638, 3: required members only, in lexicographic order, without white space.
  const auto canonical = R"({"crv":"Ed25519","kty":"OKP","x":")" + base64url(key) + "\"}";
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), as_bytes(canonical).data(), canonical.size());
  return base64url(hash);
}

}  // namespace cardea::api

#include "cardea/test/host_crypto.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <memory>

#include "ec_math.h"
#include "openssl.h"
#include "rsa_math.h"

namespace cardea::test {

namespace {

struct Deleter {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(OSSL_PARAM_BLD* p) const { OSSL_PARAM_BLD_free(p); }
  void operator()(OSSL_PARAM* p) const { OSSL_PARAM_free(p); }
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Deleter>;

Owned<EVP_PKEY> build(const char* type, OSSL_PARAM_BLD* parts, int selection) {
  const Owned<OSSL_PARAM> params{OSSL_PARAM_BLD_to_param(parts)};
  const Owned<EVP_PKEY_CTX> ctx{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, selection, params.get()) != 1) {
    return nullptr;
  }
  return Owned<EVP_PKEY>{key};
}

const char* curve_name(card::Algorithm curve) {
  if (curve == card::Algorithm::p521) return "P-521";
  return curve == card::Algorithm::p384 ? "P-384" : "P-256";
}

Owned<EVP_PKEY> ec_key(card::Algorithm curve, BytesView point, const BIGNUM* scalar) {
  const Owned<OSSL_PARAM_BLD> parts{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_utf8_string(parts.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve_name(curve), 0);
  OSSL_PARAM_BLD_push_octet_string(parts.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  if (scalar != nullptr) OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar);
  return build("EC", parts.get(), scalar == nullptr ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR);
}

}  // namespace

std::optional<Bytes> rsa_raw_public(const card::PublicKey& key, BytesView block) {
  const Owned<OSSL_PARAM_BLD> parts{OSSL_PARAM_BLD_new()};
  const Bn n = number(key.modulus);
  const Bn e = number(key.exponent);
  OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const auto pkey = build("RSA", parts.get(), EVP_PKEY_PUBLIC_KEY);
  if (!pkey) return std::nullopt;
  const Owned<EVP_PKEY_CTX> ctx{EVP_PKEY_CTX_new(pkey.get(), nullptr)};
  Bytes out(key.modulus.size());
  std::size_t size = out.size();
  if (EVP_PKEY_encrypt_init(ctx.get()) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_NO_PADDING) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), out.data(), &size, block.data(), block.size()) != 1) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

bool ecdsa_verify_der(const card::PublicKey& key, BytesView digest, BytesView signature) {
  const auto pkey = ec_key(key.algorithm, key.point, nullptr);
  if (!pkey) return false;
  const Owned<EVP_PKEY_CTX> ctx{EVP_PKEY_CTX_new(pkey.get(), nullptr)};
  return EVP_PKEY_verify_init(ctx.get()) == 1 &&
         EVP_PKEY_verify(ctx.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
}

bool ecdsa_verify(const card::PublicKey& key, BytesView digest, BytesView signature) {
  const auto half = card::field_size(key.algorithm);
  if (signature.size() != 2 * half) return false;
  const Owned<ECDSA_SIG> pair{ECDSA_SIG_new()};
  ECDSA_SIG_set0(pair.get(), number(signature.first(half)).release(), number(signature.last(half)).release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return false;
  const Bytes copy(der, der + size);
  OPENSSL_free(der);
  return ecdsa_verify_der(key, digest, copy);
}

bool ed25519_verify(const card::PublicKey& key, BytesView message, BytesView signature) {
  return ed25519_verifies(key.point, message, signature);
}

HostKey host_key(card::Algorithm curve, std::uint8_t number) {
  const Bytes from(card::field_size(curve), static_cast<std::uint8_t>(0x40U + number));
  if (card::is_25519(curve)) return {from, point_25519(curve, from).value()};
  const auto scalar = ec_scalar(curve, from);
  return {to_bytes(scalar.expose()), ec_public(curve, scalar.expose()).value()};
}

std::optional<Bytes> host_ecdh(const HostKey& mine, const card::PublicKey& card_key) {
  if (card_key.algorithm == card::Algorithm::x25519) {
    const auto shared = x25519(mine.scalar, card_key.point);
    return shared ? std::optional{to_bytes(shared->expose())} : std::nullopt;
  }
  const Bn scalar = number(mine.scalar);
  const auto own = ec_key(card_key.algorithm, mine.point, scalar.get());
  const auto peer = ec_key(card_key.algorithm, card_key.point, nullptr);
  if (!own || !peer) return std::nullopt;
  const Owned<EVP_PKEY_CTX> ctx{EVP_PKEY_CTX_new(own.get(), nullptr)};
  Bytes out(card::field_size(card_key.algorithm));
  std::size_t size = out.size();
  if (EVP_PKEY_derive_init(ctx.get()) != 1 || EVP_PKEY_derive_set_peer(ctx.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), out.data(), &size) != 1) {
    return std::nullopt;
  }
  return out;
}

card::RsaPrivateParts rsa_parts(card::Algorithm algorithm, std::uint64_t index) {
  return rsa_crt(rsa_pool(algorithm, index));
}

}  // namespace cardea::test

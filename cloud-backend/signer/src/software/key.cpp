// The low-level functions are deprecated in OpenSSL 3 in favour of EVP, and several times as fast.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "../curves.h"

namespace cardea::signer::software {

namespace {

using card::Algorithm;
using Number = Owned<BIGNUM, BN_clear_free>;
using Context = Owned<BN_CTX, BN_CTX_free>;
using EcKey = Owned<EC_KEY, EC_KEY_free>;
using Point = Owned<EC_POINT, EC_POINT_clear_free>;
using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PkeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Signature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

constexpr std::size_t kMaxRsa = 4096;

Number number(BytesView octets) {
  return Number{BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr)};
}

BN_CTX* context() {
  static const Context kept{BN_CTX_secure_new()};
  return kept.get();
}

/// The curve of a scalar: no two that are known here have fields of one size.
std::optional<Algorithm> curve_of(std::size_t size) {
  for (const auto a : {Algorithm::p256, Algorithm::p384, Algorithm::p521}) {
    if (card::field_size(a) == size) return a;
  }
  return std::nullopt;
}

/// One EC_KEY for each curve for the whole life of the process: what a new one costs is its copy of the
/// group. It holds a scalar only inside a Lent.
EC_KEY* kept_key(Algorithm curve) {
  static const EcKey p256{EC_KEY_new_by_curve_name(NID_X9_62_prime256v1)};
  static const EcKey p384{EC_KEY_new_by_curve_name(NID_secp384r1)};
  static const EcKey p521{EC_KEY_new_by_curve_name(NID_secp521r1)};
  if (curve == Algorithm::p521) return p521.get();
  return curve == Algorithm::p384 ? p384.get() : p256.get();
}

class Lent {
 public:
  explicit Lent(BytesView scalar) {
    const auto curve = curve_of(scalar.size());
    const auto k = number(scalar);
    if (!curve || !k) return;
    auto* key = kept_key(*curve);
    if (EC_KEY_set_private_key(key, k.get()) == 1) key_ = key;
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  Lent(Lent&&) = delete;
  Lent& operator=(Lent&&) = delete;
  ~Lent() {
    if (key_ != nullptr) EC_KEY_set_private_key(key_, nullptr);  // OpenSSL clears the old one
  }

  [[nodiscard]] EC_KEY* get() const { return key_; }

 private:
  EC_KEY* key_ = nullptr;
};

Pkey pkey_25519(CK_KEY_TYPE type, BytesView secret) {
  const int kind = type == CKK_EC_EDWARDS ? EVP_PKEY_ED25519 : EVP_PKEY_X25519;
  return Pkey{EVP_PKEY_new_raw_private_key(kind, nullptr, secret.data(), secret.size())};
}

CK_RV sign_ecdsa(BytesView scalar, BytesView digest, std::span<std::uint8_t> out, std::size_t& written) {
  const Lent key{scalar};
  if (key.get() == nullptr) return CKR_KEY_TYPE_INCONSISTENT;
  const auto size = scalar.size();
  const Signature signature{ECDSA_do_sign(digest.data(), static_cast<int>(digest.size()), key.get())};
  if (!signature) return CKR_FUNCTION_FAILED;
  if (out.size() < 2 * size) return CKR_BUFFER_TOO_SMALL;
  const int half = static_cast<int>(size);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.subspan(size).data(), half) != half) {
    return CKR_FUNCTION_FAILED;
  }
  written = 2 * size;
  return CKR_OK;
}

CK_RV sign_eddsa(BytesView secret, BytesView message, std::span<std::uint8_t> out, std::size_t& written) {
  const auto key = pkey_25519(CKK_EC_EDWARDS, secret);
  const DigestContext ctx{EVP_MD_CTX_new()};
  written = out.size();
  if (!key || !ctx || EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(ctx.get(), out.data(), &written, message.data(), message.size()) != 1) {
    return CKR_FUNCTION_FAILED;
  }
  return CKR_OK;
}

CK_RV agree_x25519(BytesView secret, BytesView peer, SecretBytes& shared) {
  const auto mine = pkey_25519(kEcMontgomery, secret);
  const Pkey theirs{EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.data(), peer.size())};
  if (!mine || !theirs) return CKR_DATA_INVALID;
  const PkeyContext ctx{EVP_PKEY_CTX_new(mine.get(), nullptr)};
  shared = SecretBytes{secret.size()};
  auto size = shared.size();
  if (!ctx || EVP_PKEY_derive_init(ctx.get()) != 1 ||
      EVP_PKEY_derive_set_peer(ctx.get(), theirs.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), shared.expose().data(), &size) != 1) {
    return CKR_DATA_INVALID;
  }
  return CKR_OK;
}

CK_RV agree_ec(BytesView scalar, BytesView peer, SecretBytes& shared) {
  const Lent key{scalar};
  if (key.get() == nullptr) return CKR_KEY_TYPE_INCONSISTENT;
  const auto* group = EC_KEY_get0_group(key.get());
  const Point point{EC_POINT_new(group)};
  if (!point || EC_POINT_oct2point(group, point.get(), peer.data(), peer.size(), context()) != 1)
    return CKR_DATA_INVALID;
  shared = SecretBytes{scalar.size()};
  const auto written =
      ECDH_compute_key(shared.expose().data(), shared.size(), point.get(), key.get(), nullptr);
  return written == static_cast<int>(shared.size()) ? CKR_OK : CKR_FUNCTION_FAILED;
}

SecretBytes encoded(const RSA* rsa) {
  unsigned char* der = nullptr;
  const int size = i2d_RSAPrivateKey(rsa, &der);
  if (size <= 0) return {};
  SecretBytes out{BytesView{der, static_cast<std::size_t>(size)}};
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return out;
}

Bytes octets_of(const BIGNUM* n) {
  Bytes out(static_cast<std::size_t>(BN_num_bytes(n)));
  BN_bn2bin(n, out.data());
  return out;
}

}  // namespace

void FreeRsa::operator()(RSA* rsa) const {
  RSA_free(rsa);
}

std::optional<Key> Key::from_octets(CK_KEY_TYPE type, SecretBytes octets) {
  Key out{type, std::move(octets)};
  const auto held = out.octets();
  switch (type) {
    case CKK_RSA: {
      const auto* at = held.data();
      out.rsa_.reset(d2i_RSAPrivateKey(nullptr, &at, static_cast<long>(held.size())));
      if (!out.rsa_ || at != held.data() + held.size()) return std::nullopt;
      return out;
    }
    case CKK_EC:
      if (!curve_of(held.size())) return std::nullopt;
      return out;
    case CKK_EC_EDWARDS:
    case kEcMontgomery:
      if (held.size() != 32) return std::nullopt;
      return out;
    case CKK_AES:
      if (held.size() != 16 && held.size() != 24 && held.size() != 32) return std::nullopt;
      return out;
    case CKK_DES3:
      if (held.size() != 24) return std::nullopt;
      return out;
    case CKK_GENERIC_SECRET:
      return out;
    default:
      return std::nullopt;
  }
}

std::optional<Key> Key::from_rsa_parts(const RsaParts& parts) {
  const Rsa rsa{RSA_new()};
  auto n = number(parts.n);
  auto e = number(parts.e);
  auto d = number(parts.d);
  auto p = number(parts.p);
  auto q = number(parts.q);
  auto dp = number(parts.dp);
  auto dq = number(parts.dq);
  auto qinv = number(parts.qinv);
  // What RSA_set0_ takes, it owns.
  if (!rsa || RSA_set0_key(rsa.get(), n.get(), e.get(), d.get()) != 1) return std::nullopt;
  (void)n.release(), (void)e.release(), (void)d.release();
  if (RSA_set0_factors(rsa.get(), p.get(), q.get()) != 1) return std::nullopt;
  (void)p.release(), (void)q.release();
  if (RSA_set0_crt_params(rsa.get(), dp.get(), dq.get(), qinv.get()) != 1) return std::nullopt;
  (void)dp.release(), (void)dq.release(), (void)qinv.release();
  return from_octets(CKK_RSA, encoded(rsa.get()));
}

std::optional<Key> Key::generate_rsa(unsigned bits) {
  const Rsa rsa{RSA_new()};
  const Number e{BN_new()};
  if (bits > kMaxRsa || !rsa || !e || BN_set_word(e.get(), RSA_F4) != 1 ||
      RSA_generate_key_ex(rsa.get(), static_cast<int>(bits), e.get(), nullptr) != 1) {
    return std::nullopt;
  }
  return from_octets(CKK_RSA, encoded(rsa.get()));
}

std::optional<Key> Key::generate_on(Algorithm curve) {
  SecretBytes octets{card::field_size(curve)};
  if (card::is_25519(curve)) {
    if (RAND_priv_bytes(octets.expose().data(), static_cast<int>(octets.size())) != 1) return std::nullopt;
    return from_octets(curve == Algorithm::ed25519 ? CKK_EC_EDWARDS : kEcMontgomery, std::move(octets));
  }
  const Number scalar{BN_new()};
  const auto* order = EC_GROUP_get0_order(EC_KEY_get0_group(kept_key(curve)));
  if (!scalar) return std::nullopt;
  do {
    if (BN_priv_rand_range(scalar.get(), order) != 1) return std::nullopt;
  } while (BN_is_zero(scalar.get()) == 1);
  if (BN_bn2binpad(scalar.get(), octets.expose().data(), static_cast<int>(octets.size())) < 0)
    return std::nullopt;
  return from_octets(CKK_EC, std::move(octets));
}

std::optional<Key> Key::generate_secret(CK_KEY_TYPE type, std::size_t size) {
  if (size == 0 || size > 64) return std::nullopt;
  SecretBytes octets{size};
  if (RAND_priv_bytes(octets.expose().data(), static_cast<int>(size)) != 1) return std::nullopt;
  return from_octets(type, std::move(octets));
}

Key::RsaPublic Key::rsa_public() const {
  if (!rsa_) return {};
  return {octets_of(RSA_get0_n(rsa_.get())), octets_of(RSA_get0_e(rsa_.get()))};
}

Bytes Key::point() const {
  const auto secret = octets();
  if (type_ == CKK_EC_EDWARDS || type_ == kEcMontgomery) {
    Bytes out(32);
    auto size = out.size();
    const auto key = pkey_25519(type_, secret);
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1) return {};
    return out;
  }
  const Lent key{secret};
  if (type_ != CKK_EC || key.get() == nullptr) return {};
  const auto* group = EC_KEY_get0_group(key.get());
  const Point point{EC_POINT_new(group)};
  Bytes out(1 + 2 * secret.size());
  if (!point ||
      EC_POINT_mul(group, point.get(), EC_KEY_get0_private_key(key.get()), nullptr, nullptr, context()) !=
          1 ||
      EC_POINT_point2oct(group, point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                         context()) != out.size()) {
    return {};
  }
  return out;
}

CK_RV Key::sign(CK_MECHANISM_TYPE mechanism, BytesView data, std::span<std::uint8_t> out,
                std::size_t& written) const {
  if (mechanism == CKM_RSA_X_509 && rsa_) {
    // Blinding, and the check of the CRT result with the public exponent, are OpenSSL's defaults.
    const int size = RSA_size(rsa_.get());
    if (data.size() != static_cast<std::size_t>(size) || out.size() < data.size()) return CKR_DATA_LEN_RANGE;
    if (RSA_private_encrypt(size, data.data(), out.data(), rsa_.get(), RSA_NO_PADDING) != size)
      return CKR_FUNCTION_FAILED;
    written = data.size();
    return CKR_OK;
  }
  if (mechanism == CKM_ECDSA && type_ == CKK_EC) return sign_ecdsa(octets(), data, out, written);
  if (mechanism == CKM_EDDSA && type_ == CKK_EC_EDWARDS) return sign_eddsa(octets(), data, out, written);
  if (mechanism == CKM_SHA256_HMAC && type_ == CKK_GENERIC_SECRET) {
    unsigned size = 0;
    if (out.size() < 32 || ::HMAC(EVP_sha256(), octets().data(), static_cast<int>(octets().size()),
                                  data.data(), data.size(), out.data(), &size) == nullptr) {
      return CKR_FUNCTION_FAILED;
    }
    written = size;
    return CKR_OK;
  }
  return CKR_KEY_TYPE_INCONSISTENT;
}

CK_RV Key::agree(BytesView peer, SecretBytes& shared) const {
  if (type_ == kEcMontgomery) return agree_x25519(octets(), peer, shared);
  return type_ == CKK_EC ? agree_ec(octets(), peer, shared) : CKR_KEY_TYPE_INCONSISTENT;
}

CK_RV Key::crypt(CK_MECHANISM_TYPE mechanism, bool forwards, BytesView block,
                 std::span<std::uint8_t> out) const {
  const EVP_CIPHER* cipher = nullptr;
  if (mechanism == CKM_DES3_ECB && type_ == CKK_DES3) cipher = EVP_des_ede3_ecb();
  if (mechanism == CKM_AES_ECB && type_ == CKK_AES) {
    cipher = octets().size() == 16   ? EVP_aes_128_ecb()
             : octets().size() == 24 ? EVP_aes_192_ecb()
                                     : EVP_aes_256_ecb();
  }
  if (cipher == nullptr) return CKR_KEY_TYPE_INCONSISTENT;
  const CipherContext ctx{EVP_CIPHER_CTX_new()};
  int size = 0;
  if (!ctx || out.size() < block.size() ||
      EVP_CipherInit_ex(ctx.get(), cipher, nullptr, octets().data(), nullptr, forwards ? 1 : 0) != 1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1 ||
      EVP_CipherUpdate(ctx.get(), out.data(), &size, block.data(), static_cast<int>(block.size())) != 1 ||
      size != static_cast<int>(block.size())) {
    return CKR_FUNCTION_FAILED;
  }
  return CKR_OK;
}

CK_RV Key::wrap(BytesView plain, Bytes& out) const {
  if (type_ != CKK_AES || octets().size() != 32) return CKR_WRAPPING_KEY_TYPE_INCONSISTENT;
  const CipherContext ctx{EVP_CIPHER_CTX_new()};
  if (!ctx) return CKR_HOST_MEMORY;
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  out.resize(plain.size() + 16);
  int size = 0;
  if (EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_wrap_pad(), nullptr, octets().data(), nullptr) != 1 ||
      EVP_EncryptUpdate(ctx.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size())) != 1) {
    return CKR_FUNCTION_FAILED;
  }
  out.resize(static_cast<std::size_t>(size));
  return CKR_OK;
}

// RFC 5649, 4.2, over single blocks: OpenSSL 3.0's own takes the AES that is not the processor's, which is a
// fifth of an RSA operation.
CK_RV Key::unwrap(BytesView wrapped, SecretBytes& out) {
  constexpr std::size_t kHalf = 8;
  constexpr std::array<std::uint8_t, 4> kIntegrity{0xA6, 0x59, 0x59, 0xA6};
  if (type_ != CKK_AES || octets().size() != 32) return CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
  if (wrapped.size() < 3 * kHalf || wrapped.size() % kHalf != 0) return CKR_WRAPPED_KEY_LEN_RANGE;
  if (!unwrapping_) {
    unwrapping_.reset(EVP_CIPHER_CTX_new());
    if (!unwrapping_ ||
        EVP_DecryptInit_ex(unwrapping_.get(), EVP_aes_256_ecb(), nullptr, octets().data(), nullptr) != 1 ||
        EVP_CIPHER_CTX_set_padding(unwrapping_.get(), 0) != 1) {
      return CKR_FUNCTION_FAILED;
    }
  }
  const auto n = wrapped.size() / kHalf - 1;
  SecretBytes room{wrapped.size() - kHalf};
  std::ranges::copy(wrapped.subspan(kHalf), room.expose().begin());
  Secret<2 * kHalf> block;  // A ‖ R[i]
  const auto a = block.expose().first(kHalf);
  const auto r = block.expose().last(kHalf);
  std::ranges::copy(wrapped.first(kHalf), a.begin());
  for (std::uint64_t t = 6 * n; t > 0; --t) {
    const auto at = room.expose().subspan(((t - 1) % n) * kHalf, kHalf);
    for (std::size_t i = 0; i < kHalf; ++i)
      a[i] = static_cast<std::uint8_t>(a[i] ^ (t >> (8U * (kHalf - 1 - i))));
    std::ranges::copy(at, r.begin());
    if (EVP_Cipher(unwrapping_.get(), block.expose().data(), block.expose().data(), block.size()) <= 0)
      return CKR_FUNCTION_FAILED;
    std::ranges::copy(r, at.begin());
  }
  const auto size = static_cast<std::size_t>(read_be(a.last(4)));
  const bool sized = size <= room.size() && size + kHalf > room.size();
  unsigned padding = 0;
  for (std::size_t i = sized ? size : 0; i < room.size(); ++i)
    padding |= room.expose()[i];
  if (!constant_time_equal(a.first(4), kIntegrity) || !sized || padding != 0) return CKR_WRAPPED_KEY_INVALID;
  out = SecretBytes{BytesView{room.expose()}.first(size)};
  return CKR_OK;
}

}  // namespace cardea::signer::software

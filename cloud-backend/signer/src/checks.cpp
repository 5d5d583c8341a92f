// EC_KEY and ECDSA_do_verify are deprecated in OpenSSL 3 in favour of EVP, whose key import takes 20 times as
// long.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "checks.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "openssl_free.h"

namespace cardea::signer {

namespace {

using card::Algorithm;

using Number = Owned<BIGNUM, BN_clear_free>;
using Context = Owned<BN_CTX, BN_CTX_free>;
using Point = Owned<EC_POINT, EC_POINT_free>;
using EcKey = Owned<EC_KEY, EC_KEY_free>;
using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PkeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Signature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

Number number(BytesView octets) {
  return Number{BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr)};
}
Number fresh() {
  Number n{BN_new()};
  if (n) BN_set_flags(n.get(), BN_FLG_CONSTTIME);
  return n;
}

BN_CTX* context() {
  thread_local const Context kept{BN_CTX_secure_new()};
  return kept.get();
}

const EC_GROUP* group_of(Algorithm algorithm) {
  static EC_GROUP* const p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  static EC_GROUP* const p384 = EC_GROUP_new_by_curve_name(NID_secp384r1);
  static EC_GROUP* const p521 = EC_GROUP_new_by_curve_name(NID_secp521r1);
  if (algorithm == Algorithm::p521) return p521;
  return algorithm == Algorithm::p256 ? p256 : p384;
}

/// One for each curve, to be given a point each time: what a new one costs is its copy of the group.
EC_KEY* public_key(Algorithm algorithm) {
  const auto make = [](Algorithm a) {
    EcKey out{EC_KEY_new()};
    if (out && EC_KEY_set_group(out.get(), group_of(a)) != 1) out.reset();
    return out;
  };
  thread_local const EcKey p256 = make(Algorithm::p256);
  thread_local const EcKey p384 = make(Algorithm::p384);
  thread_local const EcKey p521 = make(Algorithm::p521);
  if (algorithm == Algorithm::p521) return p521.get();
  return (algorithm == Algorithm::p256 ? p256 : p384).get();
}

Bytes padded(const BIGNUM* n, std::size_t size) {
  Bytes out(size);
  if (BN_bn2binpad(n, out.data(), static_cast<int>(size)) < 0) out.clear();
  return out;
}

// x·y mod m == 1
bool inverse_pair(const BIGNUM* x, const BIGNUM* y, const BIGNUM* m) {
  const auto product = fresh();
  return product && BN_mod_mul(product.get(), x, y, m, context()) == 1 && BN_is_one(product.get()) == 1;
}

}  // namespace

bool fits_modulus(const card::PublicKey& key, BytesView block) {
  return block.size() == key.modulus.size() &&
         std::ranges::lexicographical_compare(block, BytesView{key.modulus});
}

bool rsa_result_matches(const card::PublicKey& key, BytesView block, BytesView result) {
  const auto n = number(key.modulus);
  const auto e = number(key.exponent);
  const auto s = number(result);
  const auto m = fresh();
  if (!n || !e || !s || !m || BN_is_odd(n.get()) == 0) return false;
  if (BN_mod_exp_mont(m.get(), s.get(), e.get(), n.get(), context(), nullptr) != 1) return false;
  const auto again = padded(m.get(), key.modulus.size());
  return constant_time_equal(again, block);
}

bool ecdsa_matches(Algorithm algorithm, const card::PublicKey& key, BytesView digest, BytesView signature) {
  const auto size = card::field_size(algorithm);
  if (signature.size() != 2 * size) return false;
  auto* ec = public_key(algorithm);
  const Signature sig{ECDSA_SIG_new()};
  if (ec == nullptr || !sig) return false;
  if (EC_KEY_oct2key(ec, key.point.data(), key.point.size(), context()) != 1) return false;
  auto r = number(signature.first(size));
  auto s = number(signature.last(size));
  if (!r || !s || ECDSA_SIG_set0(sig.get(), r.get(), s.get()) != 1) return false;
  static_cast<void>(r.release());  // the signature owns them now
  static_cast<void>(s.release());
  return ECDSA_do_verify(digest.data(), static_cast<int>(digest.size()), sig.get(), ec) == 1;
}

bool eddsa_matches(const card::PublicKey& key, BytesView message, BytesView signature) {
  const Pkey point{
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.point.data(), key.point.size())};
  const DigestContext ctx{EVP_MD_CTX_new()};
  return point && ctx && EVP_DigestVerifyInit(ctx.get(), nullptr, nullptr, nullptr, point.get()) == 1 &&
         EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

bool usable_x25519_peer(BytesView octets) {
  // Points of small order give zero with every scalar, since clamped scalars are multiples of eight.
  static constexpr std::uint8_t kAnyScalar[32] = {1};
  const Pkey any{EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, kAnyScalar, sizeof kAnyScalar)};
  const Pkey peer{EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, octets.data(), octets.size())};
  if (!any || !peer) return false;
  const PkeyContext ctx{EVP_PKEY_CTX_new(any.get(), nullptr)};
  std::uint8_t shared[32];
  std::size_t size = sizeof shared;
  return ctx && EVP_PKEY_derive_init(ctx.get()) == 1 &&
         EVP_PKEY_derive_set_peer(ctx.get(), peer.get()) == 1 &&
         EVP_PKEY_derive(ctx.get(), shared, &size) == 1;
}

bool on_curve(Algorithm algorithm, BytesView octets) {
  if (octets.size() != 1 + 2 * card::field_size(algorithm) ||
      octets.front() != POINT_CONVERSION_UNCOMPRESSED) {
    return false;
  }
  const Point point{EC_POINT_new(group_of(algorithm))};
  return point &&
         EC_POINT_oct2point(group_of(algorithm), point.get(), octets.data(), octets.size(), context()) == 1;
}

std::optional<Bytes> point_of(Algorithm algorithm, BytesView scalar) {
  if (card::is_25519(algorithm)) {
    const int kind = algorithm == Algorithm::ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_X25519;
    const Pkey key{EVP_PKEY_new_raw_private_key(kind, nullptr, scalar.data(), scalar.size())};
    Bytes out(card::point_size(algorithm));
    auto size = out.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1) return std::nullopt;
    return out;
  }
  const auto* group = group_of(algorithm);
  const auto k = number(scalar);
  const Point point{EC_POINT_new(group)};
  if (!k || !point || scalar.size() != card::field_size(algorithm)) return std::nullopt;
  if (BN_is_zero(k.get()) == 1 || BN_cmp(k.get(), EC_GROUP_get0_order(group)) >= 0) return std::nullopt;
  BN_set_flags(k.get(), BN_FLG_CONSTTIME);
  if (EC_POINT_mul(group, point.get(), k.get(), nullptr, nullptr, context()) != 1) return std::nullopt;
  Bytes out(1 + 2 * card::field_size(algorithm));
  if (EC_POINT_point2oct(group, point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                         context()) != out.size()) {
    return std::nullopt;
  }
  return out;
}

std::optional<RsaKey> complete_rsa(Algorithm algorithm, BytesView p_octets, BytesView q_octets,
                                   BytesView dp_octets, BytesView dq_octets, BytesView qinv_octets) {
  const auto size = card::field_size(algorithm);
  for (const auto part : {p_octets, q_octets, dp_octets, dq_octets, qinv_octets}) {
    if (part.size() != size / 2) return std::nullopt;
  }
  const auto p = number(p_octets);
  const auto q = number(q_octets);
  const auto dp = number(dp_octets);
  const auto dq = number(dq_octets);
  const auto qinv = number(qinv_octets);
  const auto e = fresh();
  const auto n = fresh();
  const auto p1 = fresh();
  const auto q1 = fresh();
  const auto phi = fresh();
  const auto d = fresh();
  if (!p || !q || !dp || !dq || !qinv || !e || !n || !p1 || !q1 || !phi || !d) return std::nullopt;

  auto* ctx = context();
  if (BN_cmp(p.get(), q.get()) == 0 || BN_set_word(e.get(), 65537) != 1) return std::nullopt;
  if (BN_check_prime(p.get(), ctx, nullptr) != 1 || BN_check_prime(q.get(), ctx, nullptr) != 1)
    return std::nullopt;
  if (BN_mul(n.get(), p.get(), q.get(), ctx) != 1) return std::nullopt;
  if (BN_num_bits(n.get()) != static_cast<int>(8 * size)) return std::nullopt;
  if (BN_sub(p1.get(), p.get(), BN_value_one()) != 1 || BN_sub(q1.get(), q.get(), BN_value_one()) != 1) {
    return std::nullopt;
  }
  if (!inverse_pair(e.get(), dp.get(), p1.get()) || !inverse_pair(e.get(), dq.get(), q1.get()) ||
      !inverse_pair(qinv.get(), q.get(), p.get())) {
    return std::nullopt;
  }
  // Each must be the reduced one; a larger congruent number would be a second encoding of the same key.
  if (BN_cmp(dp.get(), p1.get()) >= 0 || BN_cmp(dq.get(), q1.get()) >= 0 ||
      BN_cmp(qinv.get(), p.get()) >= 0) {
    return std::nullopt;
  }
  if (BN_mul(phi.get(), p1.get(), q1.get(), ctx) != 1) return std::nullopt;
  BN_set_flags(phi.get(), BN_FLG_CONSTTIME);
  if (BN_mod_inverse(d.get(), e.get(), phi.get(), ctx) == nullptr) return std::nullopt;

  RsaKey out{padded(n.get(), size), {0x01, 0x00, 0x01}, SecretBytes{size}};
  if (BN_bn2binpad(d.get(), out.private_exponent.expose().data(), static_cast<int>(size)) < 0)
    return std::nullopt;
  return out;
}

}  // namespace cardea::signer

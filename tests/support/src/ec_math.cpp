#include "ec_math.h"

#include <openssl/obj_mac.h>

#include "openssl.h"

namespace cardea::test {

namespace {

int curve_id(card::Algorithm algorithm) {
  if (algorithm == card::Algorithm::p521) return NID_secp521r1;
  return algorithm == card::Algorithm::p384 ? NID_secp384r1 : NID_X9_62_prime256v1;
}

EvpKey private_25519(card::Algorithm algorithm, BytesView secret) {
  const int kind = algorithm == card::Algorithm::ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_X25519;
  return EvpKey{EVP_PKEY_new_raw_private_key(kind, nullptr, secret.data(), secret.size())};
}

/// One curve with the scratch memory its arithmetic needs.
struct Curve {
  explicit Curve(card::Algorithm algorithm)
      : group{EC_GROUP_new_by_curve_name(curve_id(algorithm))}, size{card::field_size(algorithm)} {}

  Group group;
  BnCtx ctx{BN_CTX_new()};
  std::size_t size;

  [[nodiscard]] const BIGNUM* order() const { return EC_GROUP_get0_order(group.get()); }

  [[nodiscard]] Point point(BytesView uncompressed) const {
    Point out{EC_POINT_new(group.get())};
    const bool right_form = uncompressed.size() == 1 + 2 * size && uncompressed[0] == 0x04;
    if (!right_form || EC_POINT_oct2point(group.get(), out.get(), uncompressed.data(), uncompressed.size(),
                                          ctx.get()) != 1) {
      return nullptr;
    }
    return out;
  }
  /// a·G + b·q; either part may be left out.
  [[nodiscard]] Point combine(const BIGNUM* a, const EC_POINT* q, const BIGNUM* b) const {
    Point out{EC_POINT_new(group.get())};
    EC_POINT_mul(group.get(), out.get(), a, q, b, ctx.get());
    return out;
  }
  [[nodiscard]] Bn x(const Point& p) const {
    Bn out = zero();
    if (EC_POINT_get_affine_coordinates(group.get(), p.get(), out.get(), nullptr, ctx.get()) != 1)
      BN_zero(out.get());
    return out;
  }
  [[nodiscard]] bool in_range(const Bn& n) const {
    return !BN_is_zero(n.get()) && BN_cmp(n.get(), order()) < 0;
  }
};

}  // namespace

std::optional<Bytes> ec_public(card::Algorithm algorithm, BytesView scalar) {
  const Curve curve{algorithm};
  const Bn k = number(scalar);
  if (scalar.size() != curve.size || !curve.in_range(k)) return std::nullopt;
  const Point p = curve.combine(k.get(), nullptr, nullptr);
  Bytes out(1 + 2 * curve.size);
  EC_POINT_point2oct(curve.group.get(), p.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                     curve.ctx.get());
  return out;
}

SecretBytes ec_scalar(card::Algorithm algorithm, BytesView from) {
  const Curve curve{algorithm};
  const Bn limit{BN_dup(curve.order())};
  BN_sub_word(limit.get(), 1);
  const Bn n = number(from);
  BN_nnmod(n.get(), n.get(), limit.get(), curve.ctx.get());
  BN_add_word(n.get(), 1);
  return SecretBytes{BytesView{octets(n, curve.size)}};
}

Bytes ecdsa(card::Algorithm algorithm, BytesView scalar, BytesView digest, BytesView nonce) {
  const Curve curve{algorithm};
  const Bn k = number(ec_scalar(algorithm, nonce).expose());
  const Bn r = curve.x(curve.combine(k.get(), nullptr, nullptr));
  BN_nnmod(r.get(), r.get(), curve.order(), curve.ctx.get());
  const Bn s = zero();
  BN_mod_mul(s.get(), r.get(), number(scalar).get(), curve.order(), curve.ctx.get());
  BN_mod_add(s.get(), s.get(), number(digest).get(), curve.order(), curve.ctx.get());
  BN_mod_inverse(k.get(), k.get(), curve.order(), curve.ctx.get());
  BN_mod_mul(s.get(), s.get(), k.get(), curve.order(), curve.ctx.get());
  return concat({octets(r, curve.size), octets(s, curve.size)});
}

bool ecdsa_verifies(card::Algorithm algorithm, BytesView point, BytesView digest, BytesView signature) {
  const Curve curve{algorithm};
  const Point q = curve.point(point);
  if (!q || signature.size() != 2 * curve.size) return false;
  const Bn r = number(signature.first(curve.size));
  const Bn s = number(signature.last(curve.size));
  if (!curve.in_range(r) || !curve.in_range(s)) return false;
  const Bn w = zero();
  const Bn u1 = zero();
  const Bn u2 = zero();
  BN_mod_inverse(w.get(), s.get(), curve.order(), curve.ctx.get());
  BN_mod_mul(u1.get(), number(digest).get(), w.get(), curve.order(), curve.ctx.get());
  BN_mod_mul(u2.get(), r.get(), w.get(), curve.order(), curve.ctx.get());
  const Bn x = curve.x(curve.combine(u1.get(), q.get(), u2.get()));
  BN_nnmod(x.get(), x.get(), curve.order(), curve.ctx.get());
  return BN_cmp(x.get(), r.get()) == 0;
}

std::optional<SecretBytes> ecdh_x(card::Algorithm algorithm, BytesView scalar, BytesView peer) {
  const Curve curve{algorithm};
  const Point q = curve.point(peer);
  if (!q) return std::nullopt;
  Bytes x = octets(curve.x(curve.combine(nullptr, q.get(), number(scalar).get())), curve.size);
  const WipeOnExit wiped{x};
  return SecretBytes{BytesView{x}};
}

std::optional<Bytes> point_25519(card::Algorithm algorithm, BytesView secret) {
  const auto key = private_25519(algorithm, secret);
  Bytes out(32);
  std::size_t size = out.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1) return std::nullopt;
  return out;
}

std::optional<SecretBytes> x25519(BytesView secret, BytesView peer) {
  const auto mine = private_25519(card::Algorithm::x25519, secret);
  const EvpKey theirs{EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.data(), peer.size())};
  if (!mine || !theirs) return std::nullopt;
  const EvpKeyCtx ctx{EVP_PKEY_CTX_new(mine.get(), nullptr)};
  SecretBytes out{32};
  std::size_t size = out.size();
  if (EVP_PKEY_derive_init(ctx.get()) != 1 || EVP_PKEY_derive_set_peer(ctx.get(), theirs.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), out.expose().data(), &size) != 1) {
    return std::nullopt;
  }
  return out;
}

Bytes ed25519_sign(BytesView secret, BytesView message) {
  const auto key = private_25519(card::Algorithm::ed25519, secret);
  const MdCtx ctx{EVP_MD_CTX_new()};
  Bytes out(64);
  std::size_t size = out.size();
  if (EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) != 1) {
    return {};
  }
  return out;
}

bool ed25519_verifies(BytesView point, BytesView message, BytesView signature) {
  const EvpKey key{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size())};
  const MdCtx ctx{EVP_MD_CTX_new()};
  return key && EVP_DigestVerifyInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace cardea::test

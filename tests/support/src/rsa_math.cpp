#include "rsa_math.h"

#include "openssl.h"

namespace cardea::test {

namespace {

constexpr unsigned long kExponent = 65537;

struct Numbers {
  Bn n, d, p1, q1;  // modulus, private exponent, p-1, q-1
};

std::optional<Numbers> numbers(const RsaPrimes& primes, BN_CTX* ctx) {
  const Bn p = number(primes.p.expose());
  const Bn q = number(primes.q.expose());
  if (BN_is_odd(p.get()) == 0 || BN_is_odd(q.get()) == 0 || BN_is_one(p.get()) || BN_is_one(q.get())) {
    return std::nullopt;
  }
  Numbers out{zero(), zero(), zero(), zero()};
  BN_mul(out.n.get(), p.get(), q.get(), ctx);
  BN_sub(out.p1.get(), p.get(), BN_value_one());
  BN_sub(out.q1.get(), q.get(), BN_value_one());
  const Bn phi = zero();
  const Bn e = zero();
  BN_set_word(e.get(), kExponent);
  BN_mul(phi.get(), out.p1.get(), out.q1.get(), ctx);
  if (BN_mod_inverse(out.d.get(), e.get(), phi.get(), ctx) == nullptr) return std::nullopt;
  return out;
}

Bn power(const Bn& base, const Bn& exponent, const Bn& modulus, BN_CTX* ctx) {
  Bn out = zero();
  BN_mod_exp_mont_consttime(out.get(), base.get(), exponent.get(), modulus.get(), ctx, nullptr);
  return out;
}

}  // namespace

std::optional<card::PublicKey> rsa_public(card::Algorithm algorithm, const RsaPrimes& primes) {
  const BnCtx ctx{BN_CTX_new()};
  const auto n = numbers(primes, ctx.get());
  const auto size = card::field_size(algorithm);
  if (!n || static_cast<std::size_t>(BN_num_bits(n->n.get())) != size * 8) return std::nullopt;
  card::PublicKey out;
  out.algorithm = algorithm;
  out.modulus = octets(n->n, size);
  out.exponent = {0x01, 0x00, 0x01};
  // Numbers that are not prime give a d that does not undo e.
  Bytes probe(size);
  probe.back() = 2;
  const auto there = rsa_power(algorithm, primes, probe);
  if (rsa_public_power(out, there.expose()) != probe) return std::nullopt;
  return out;
}

bool rsa_parts_fit(const card::RsaPrivateParts& parts) {
  const BnCtx ctx{BN_CTX_new()};
  const auto n = numbers({parts.p.clone(), parts.q.clone()}, ctx.get());
  if (!n) return false;
  const Bn dp = zero();
  const Bn dq = zero();
  const Bn one = zero();
  BN_nnmod(dp.get(), n->d.get(), n->p1.get(), ctx.get());
  BN_nnmod(dq.get(), n->d.get(), n->q1.get(), ctx.get());
  BN_mod_mul(one.get(), number(parts.qinv.expose()).get(), number(parts.q.expose()).get(),
             number(parts.p.expose()).get(), ctx.get());
  return BN_cmp(dp.get(), number(parts.dp.expose()).get()) == 0 &&
         BN_cmp(dq.get(), number(parts.dq.expose()).get()) == 0 && BN_is_one(one.get());
}

card::RsaPrivateParts rsa_crt(const RsaPrimes& primes) {
  const BnCtx ctx{BN_CTX_new()};
  const auto n = numbers(primes, ctx.get());
  const auto half = primes.p.size();
  const auto secret = [half](const Bn& value) { return SecretBytes{BytesView{octets(value, half)}}; };
  const Bn dp = zero();
  const Bn dq = zero();
  const Bn qinv = zero();
  BN_nnmod(dp.get(), n->d.get(), n->p1.get(), ctx.get());
  BN_nnmod(dq.get(), n->d.get(), n->q1.get(), ctx.get());
  BN_mod_inverse(qinv.get(), number(primes.q.expose()).get(), number(primes.p.expose()).get(), ctx.get());
  return {primes.p.clone(), primes.q.clone(), secret(dp), secret(dq), secret(qinv)};
}

SecretBytes rsa_power(card::Algorithm algorithm, const RsaPrimes& primes, BytesView block) {
  const BnCtx ctx{BN_CTX_new()};
  const auto n = numbers(primes, ctx.get());
  SecretBytes out{card::field_size(algorithm)};
  if (!n) return out;
  Bytes plain = octets(power(number(block), n->d, n->n, ctx.get()), out.size());
  const WipeOnExit wiped{plain};
  std::copy(plain.begin(), plain.end(), out.expose().begin());
  return out;
}

Bytes rsa_public_power(const card::PublicKey& key, BytesView block) {
  const BnCtx ctx{BN_CTX_new()};
  const Bn out = zero();
  BN_mod_exp(out.get(), number(block).get(), number(key.exponent).get(), number(key.modulus).get(),
             ctx.get());
  return octets(out, key.modulus.size());
}

bool below_modulus(const card::PublicKey& key, BytesView block) {
  return BN_cmp(number(block).get(), number(key.modulus).get()) < 0;
}

}  // namespace cardea::test

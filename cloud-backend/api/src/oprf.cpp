#include "cardea/api/oprf.h"

#include <sodium.h>

#include <algorithm>

#include "cardea/api/kdf.h"

namespace cardea::api::oprf {
namespace {

static_assert(crypto_core_ristretto255_BYTES == 32);
static_assert(crypto_core_ristretto255_SCALARBYTES == 32);

constexpr std::size_t kHashSize = 64;
constexpr std::size_t kHashBlock = 128;

/// "OPRFV1-" ‖ mode ‖ "-" ‖ suite (RFC 9497, section 3.1).
Bytes context_string() {
  Bytes context = to_bytes(as_bytes("OPRFV1-"));
  context.push_back(0x00);
  append(context, as_bytes("-ristretto255-SHA512"));
  return context;
}

Bytes domain(std::string_view prefix) {
  Bytes out = to_bytes(as_bytes(prefix));
  append(out, context_string());
  return out;
}

std::array<std::uint8_t, 2> be16(std::size_t n) {
  return {static_cast<std::uint8_t>(n >> 8U), static_cast<std::uint8_t>(n)};
}

/// libsodium's product is refused by libsodium itself when it is the identity.
Result<Element> multiply(const Scalar& scalar, BytesView element) {
  if (!acceptable(element)) return fail(Errc::invalid, "this is not an element of the group");
  Element product{};
  if (crypto_scalarmult_ristretto255(product.data(), scalar.expose().data(), element.data()) != 0) {
    return fail(Errc::invalid, "the product is the identity");
  }
  return product;
}

/// A scalar from 1 to the order less 1, by trying: with the top three bits cleared at least every second one
/// fits.
Scalar random_scalar(const Randomness& random) {
  Scalar scalar;
  Scalar reduced;
  std::array<std::uint8_t, crypto_core_ristretto255_NONREDUCEDSCALARBYTES> wide{};
  for (;;) {
    random(scalar.expose());
    scalar.expose()[31] &= 0x1FU;
    std::ranges::copy(scalar.expose(), wide.begin());
    crypto_core_ristretto255_scalar_reduce(reduced.expose().data(), wide.data());
    sodium_memzero(wide.data(), wide.size());
    if (sodium_is_zero(scalar.expose().data(), 32) == 0 && same_secret(scalar, reduced)) return scalar;
  }
}

}  // namespace

SecretBytes expand_message_xmd(BytesView message, BytesView domain_tag, std::size_t size) {
  // A longer tag is hashed (RFC 9380, section 5.3.3); ours never are, those of others might be.
  Sha512 short_tag{};
  if (domain_tag.size() > 255) {
    short_tag = sha512({as_bytes("H2C-OVERSIZE-DST-"), domain_tag});
    domain_tag = short_tag;
  }
  Bytes prime = to_bytes(domain_tag);
  prime.push_back(static_cast<std::uint8_t>(domain_tag.size()));

  const std::array<std::uint8_t, kHashBlock> zeroes{};
  const std::array<std::uint8_t, 3> size_and_zero{static_cast<std::uint8_t>(size >> 8U),
                                                  static_cast<std::uint8_t>(size), 0};
  Sha512 first = sha512({zeroes, message, size_and_zero, prime});
  Sha512 block{};
  SecretBytes out{size};
  std::uint8_t counter = 0;
  for (std::size_t done = 0; done < size; done += kHashSize) {
    ++counter;
    for (std::size_t i = 0; i < kHashSize; ++i)
      block[i] ^= first[i];
    block = sha512({block, BytesView{&counter, 1}, prime});
    std::copy_n(block.begin(), std::min(kHashSize, size - done),
                out.expose().begin() + static_cast<std::ptrdiff_t>(done));
  }
  sodium_memzero(first.data(), first.size());
  sodium_memzero(block.data(), block.size());
  return out;
}

Element hash_to_group(BytesView input, BytesView domain_tag) {
  const auto uniform = expand_message_xmd(input, domain_tag, crypto_core_ristretto255_HASHBYTES);
  Element element{};
  crypto_core_ristretto255_from_hash(element.data(), uniform.expose().data());
  return element;
}

Scalar hash_to_scalar(BytesView input, BytesView domain_tag) {
  const auto uniform = expand_message_xmd(input, domain_tag, crypto_core_ristretto255_NONREDUCEDSCALARBYTES);
  Scalar scalar;
  crypto_core_ristretto255_scalar_reduce(scalar.expose().data(), uniform.expose().data());
  return scalar;
}

Result<KeyPair> derive_key_pair(BytesView seed, BytesView info, BytesView domain_tag) {
  SecretBytes input{seed.size() + 2 + info.size() + 1};
  const auto at = std::ranges::copy(seed, input.expose().begin()).out;
  const auto length = be16(info.size());
  std::ranges::copy(info, std::ranges::copy(length, at).out);
  for (unsigned counter = 0; counter < 256; ++counter) {
    input.expose().back() = static_cast<std::uint8_t>(counter);
    KeyPair pair{hash_to_scalar(input.expose(), domain_tag), {}};
    // Refuses the zero scalar.
    if (crypto_scalarmult_ristretto255_base(pair.public_key.data(), pair.private_key.expose().data()) == 0) {
      return pair;
    }
  }
  return fail(Errc::invalid, "no key pair comes from this seed");
}

Result<KeyPair> derive_key_pair(BytesView seed, BytesView info) {
  return derive_key_pair(seed, info, domain("DeriveKeyPair"));
}

Result<Blinded> blind(BytesView input, const Randomness& random) {
  const auto element = hash_to_group(input, domain("HashToGroup-"));
  Blinded blinded{random_scalar(random), {}};
  CARDEA_TRY(blinded.element, multiply(blinded.blind, element));
  return blinded;
}

Result<Element> evaluate(const Scalar& key, BytesView blinded_element) {
  return multiply(key, blinded_element);
}

Result<Secret<64>> finalize(BytesView input, const Scalar& blind, BytesView evaluated_element) {
  Scalar inverse;
  if (crypto_core_ristretto255_scalar_invert(inverse.expose().data(), blind.expose().data()) != 0) {
    return fail(Errc::invalid, "the blinding scalar is zero");
  }
  CARDEA_TRY(auto unblinded, multiply(inverse, evaluated_element));
  const auto input_length = be16(input.size());
  const auto element_length = be16(unblinded.size());
  auto hash = sha512({input_length, input, element_length, unblinded, as_bytes("Finalize")});
  Secret<64> output;
  std::ranges::copy(hash, output.expose().begin());
  sodium_memzero(hash.data(), hash.size());
  sodium_memzero(unblinded.data(), unblinded.size());
  return output;
}

bool acceptable(BytesView element) {
  return element.size() == crypto_core_ristretto255_BYTES &&
         crypto_core_ristretto255_is_valid_point(element.data()) == 1 &&
         sodium_is_zero(element.data(), element.size()) == 0;
}

}  // namespace cardea::api::oprf

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "cardea/api/randomness.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// Oblivious pseudo-random function, ristretto255-SHA512, mode 0 (RFC 9497): the client learns F(key, input),
/// the server learns nothing, and neither can compute it alone.
namespace cardea::api::oprf {

using Element = std::array<std::uint8_t, 32>;  ///< encoded group element
using Scalar = Secret<32>;                     ///< little-endian, below the group order

/// RFC 9380, section 5.3.1, over SHA-512; `size` is at most 255 hashes and 65,535 octets.
SecretBytes expand_message_xmd(BytesView message, BytesView domain, std::size_t size);

/// hash_to_ristretto255 (RFC 9380, appendix B) with an arbitrary domain.
Element hash_to_group(BytesView input, BytesView domain);

/// HashToScalar of RFC 9497, section 4.1.
Scalar hash_to_scalar(BytesView input, BytesView domain);

/// RFC 9497, section 3.2.1. `info` is at most 65,535 octets. Errors: `invalid` in the 2^-252 case that none
/// of 256 counters gives a key.
struct KeyPair {
  Scalar private_key;
  Element public_key{};
};
Result<KeyPair> derive_key_pair(BytesView seed, BytesView info, BytesView domain);
/// The same with the OPRF's own domain "DeriveKeyPair" ‖ context string.
Result<KeyPair> derive_key_pair(BytesView seed, BytesView info);

struct Blinded {
  Scalar blind;
  Element element{};
};
/// Client. Errors: `invalid` for an input that hashes to the identity (nobody knows one).
Result<Blinded> blind(BytesView input, const Randomness& random = system_randomness());

/// Server. Errors: `invalid` for what is not the canonical encoding of an element, and for the identity.
Result<Element> evaluate(const Scalar& key, BytesView blinded_element);

/// Client. Errors as `evaluate`.
Result<Secret<64>> finalize(BytesView input, const Scalar& blind, BytesView evaluated_element);

/// Canonical, and not the identity: the check that every element from outside has to pass.
[[nodiscard]] bool acceptable(BytesView element);

}  // namespace cardea::api::oprf

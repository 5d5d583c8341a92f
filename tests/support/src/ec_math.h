#pragma once

#include <optional>

#include "cardea/card/algorithm.h"
#include "cardea/secret.h"

namespace cardea::test {

/// scalar · G as 04 ‖ x ‖ y; nothing unless 0 < scalar < order.
std::optional<Bytes> ec_public(card::Algorithm algorithm, BytesView scalar);

/// A scalar from any octets, as good as random when they are: never zero, below the order.
SecretBytes ec_scalar(card::Algorithm algorithm, BytesView from);

/// ECDSA with the given nonce material (reduced like a scalar): r ‖ s.
Bytes ecdsa(card::Algorithm algorithm, BytesView scalar, BytesView digest, BytesView nonce);

/// Whether r ‖ s is a signature over `digest` under the point.
bool ecdsa_verifies(card::Algorithm algorithm, BytesView point, BytesView digest, BytesView signature);

/// x of scalar · peer; nothing when the peer is no point of the curve.
std::optional<SecretBytes> ecdh_x(card::Algorithm algorithm, BytesView scalar, BytesView peer);

/// The public octets of an Ed25519 or X25519 private key.
std::optional<Bytes> point_25519(card::Algorithm algorithm, BytesView secret);
/// Nothing for a peer that gives zero.
std::optional<SecretBytes> x25519(BytesView secret, BytesView peer);
Bytes ed25519_sign(BytesView secret, BytesView message);
bool ed25519_verifies(BytesView point, BytesView message, BytesView signature);

}  // namespace cardea::test

#pragma once

#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/secret.h"

/// Mathematics with OpenSSL on what goes into and comes out of the HSM. The low-level functions are used on
/// purpose: building an EVP_PKEY for each operation costs more than the check itself.
namespace cardea::signer {

/// Whether `block` has the size of the modulus and is below it.
bool fits_modulus(const card::PublicKey& key, BytesView block);

/// Whether result^e mod n is `block`: what a fault in the HSM, or another key, would break.
bool rsa_result_matches(const card::PublicKey& key, BytesView block, BytesView result);

/// Whether `signature` (r ‖ s) is the key's ECDSA signature over `digest`.
bool ecdsa_matches(card::Algorithm algorithm, const card::PublicKey& key, BytesView digest,
                   BytesView signature);

/// Whether `signature` is the key's Ed25519 signature over `message`.
bool eddsa_matches(const card::PublicKey& key, BytesView message, BytesView signature);

/// Whether X25519 with this point gives anything but zero (RFC 7748, 6.1).
bool usable_x25519_peer(BytesView point);

/// Whether `point` is 04 ‖ x ‖ y on the curve.
bool on_curve(card::Algorithm algorithm, BytesView point);

/// The public point of a scalar, or of a private key of Ed25519 or X25519; none when a scalar is not between
/// 1 and the order, or the size is wrong.
std::optional<Bytes> point_of(card::Algorithm algorithm, BytesView scalar);

struct RsaKey {
  Bytes modulus;
  Bytes exponent;
  SecretBytes private_exponent;
};

/// Modulus and private exponent for e = 65537; none when the components do not fit together.
std::optional<RsaKey> complete_rsa(card::Algorithm algorithm, BytesView p, BytesView q, BytesView dp,
                                   BytesView dq, BytesView qinv);

}  // namespace cardea::signer

#pragma once

#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"

namespace cardea::test {

// What a host does with a card's public keys, by OpenSSL's own high-level functions and so by another way
// than SoftwareKeyVault computes.

/// block^e mod n without padding; nothing when the key or the block is unusable.
std::optional<Bytes> rsa_raw_public(const card::PublicKey& key, BytesView block);

/// Whether `signature` (r ‖ s) signs `digest`, which may be shorter or longer than the field (FIPS
/// 186-4, 6.4).
bool ecdsa_verify(const card::PublicKey& key, BytesView digest, BytesView signature);

/// Whether `signature` (DER SEQUENCE of r and s) signs `digest`.
bool ecdsa_verify_der(const card::PublicKey& key, BytesView digest, BytesView signature);

/// Whether `signature` is the Ed25519 signature over `message`.
bool ed25519_verify(const card::PublicKey& key, BytesView message, BytesView signature);

/// A key pair of the host for key agreement.
struct HostKey {
  Bytes scalar;  ///< field size
  Bytes point;   ///< as card::PublicKey has it
};

/// A fixed key pair on the curve, or of Ed25519 or X25519; different for each `number`.
HostKey host_key(card::Algorithm curve, std::uint8_t number = 1);

/// The shared secret of a host's key and the card's public key.
std::optional<Bytes> host_ecdh(const HostKey& mine, const card::PublicKey& card_key);

/// CRT parts of key `index` of the committed pool (rsa_pool.h), as a host imports them.
card::RsaPrivateParts rsa_parts(card::Algorithm algorithm, std::uint64_t index);

}  // namespace cardea::test

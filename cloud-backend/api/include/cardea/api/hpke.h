#pragma once

#include <array>
#include <cstdint>

#include "cardea/api/aead.h"
#include "cardea/api/randomness.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// Hybrid public key encryption, base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, and one of
/// the two AEADs of aead.h.
namespace cardea::api::hpke {

using PublicKey = std::array<std::uint8_t, 32>;

struct KeyPair {
  Secret<32> private_key;
  PublicKey public_key{};
};

KeyPair generate_key_pair(const Randomness& random = system_randomness());
/// DeriveKeyPair (RFC 9180, section 7.1.3); at least 32 octets of key material.
KeyPair derive_key_pair(BytesView key_material);
/// The pair that a private key belongs to.
KeyPair key_pair_of(Secret<32> private_key);

/// One message to one recipient: encapsulated key 32 | ciphertext | tag 16. Errors: `invalid` for a public
/// key of small order, `unsupported` for an AEAD this machine lacks.
Result<Bytes> seal(const PublicKey& recipient, BytesView info, BytesView aad, BytesView plain,
                   Aead aead = kDefaultAead, const Randomness& random = system_randomness());

/// Errors: `invalid` when it is too short or the encapsulated key has small order; `denied` when it was not
/// sealed to this key with this `info` and `aad`.
Result<SecretBytes> open(const KeyPair& recipient, BytesView info, BytesView aad, BytesView sealed,
                         Aead aead = kDefaultAead);

/// A context for several messages in one direction, numbered from 0 by the context itself.
class Context {
 public:
  Result<Bytes> seal(BytesView aad, BytesView plain);
  /// A message that does not open does not use up its number.
  Result<SecretBytes> open(BytesView aad, BytesView sealed);
  /// Secret export (RFC 9180, section 5.3).
  [[nodiscard]] SecretBytes export_secret(BytesView exporter_context, std::size_t size) const;

 private:
  friend Result<Context> make_context(const Secret<32>&, BytesView, Aead);
  Context() = default;
  [[nodiscard]] AeadNonce nonce() const;

  Aead aead_ = kDefaultAead;
  Secret<kAeadKeySize> key_;
  AeadNonce base_nonce_{};
  Secret<32> exporter_secret_;
  std::uint64_t sequence_ = 0;
};

struct Sender {
  PublicKey encapsulated_key{};
  Context context;
};
Result<Sender> setup_sender(const PublicKey& recipient, BytesView info, Aead aead = kDefaultAead,
                            const Randomness& random = system_randomness());
Result<Context> setup_recipient(const KeyPair& recipient, BytesView encapsulated_key, BytesView info,
                                Aead aead = kDefaultAead);

}  // namespace cardea::api::hpke

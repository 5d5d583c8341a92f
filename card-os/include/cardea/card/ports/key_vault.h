#pragma once

#include <array>
#include <cstdint>

#include "cardea/bytes.h"
#include "cardea/card/algorithm.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::card {

/// Where a key stands on the card. The vault binds the key to it where its wrapping format can.
struct KeySlot {
  std::uint8_t reference = 0;  ///< key reference of the card edge, e.g. 9A
  std::uint64_t version = 0;   ///< grows each time the slot gets a new key
  /// Said when a key is made: it is used only after its holder has shown the PIN, so a vault may want what
  /// only the holder can give. False for keys that work without (PIN policy "never"). Means nothing when a
  /// key is used.
  bool holder_only = true;

  friend bool operator==(const KeySlot&, const KeySlot&) = default;
};

/// The public half. RSA: modulus without leading zeroes, and exponent. EC: uncompressed point 04 ‖ x ‖ y.
/// Ed25519 (RFC 8032, 5.1.2) and X25519 (RFC 7748, 5): the 32 octets of the encoded point.
struct PublicKey {
  Algorithm algorithm = Algorithm::rsa2048;
  Bytes modulus;
  Bytes exponent;
  Bytes point;

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

/// A private or symmetric key as the card keeps it: a handle that only the vault understands (a wrapped key,
/// or the name of an HSM object) and, for asymmetric keys, the public half to check results against.
struct KeyHandle {
  Algorithm algorithm = Algorithm::rsa2048;
  KeySlot slot;
  Bytes sealed;          ///< opaque; safe to store in the clear
  PublicKey public_key;  ///< empty for symmetric keys

  friend bool operator==(const KeyHandle&, const KeyHandle&) = default;
};

/// RSA private key in CRT form (PKCS #1), each number big-endian of half the modulus size; e is 65537.
struct RsaPrivateParts {
  SecretBytes p, q, dp, dq, qinv;
};

/// What a card says about itself in an attestation; Yubico's numbers.
struct AttestationFacts {
  std::array<std::uint8_t, 3> version{};
  std::uint32_t serial = 0;
  std::uint8_t pin_policy = 0;
  std::uint8_t touch_policy = 0;
  std::uint8_t form_factor = 0;
};

/// Uses keys by reference; the card never holds private key octets except those it is asked to import.
///
/// Laws, tested by tests/contract for each implementation:
///  1. A result leaves the vault only when it was checked with the public key (RSA, signatures): a fault
///  or a
///     swapped handle gives `corrupt`, never a wrong result.
///  2. Private and symmetric keys are never outside the vault in the clear, and unwrapped copies are
///  destroyed on
///     every path.
///  3. A handle works for its own card only; a damaged one gives `corrupt`.
///  4. `unsupported` for an algorithm that `supports` denies; `invalid` for input that no key could take (a
///  block not
///     below the modulus, a point off the curve, components that do not fit together).
///  5. `unavailable` when the HSM does not answer; nothing was done then.
class KeyVault {
 public:
  KeyVault() = default;
  KeyVault(const KeyVault&) = delete;
  KeyVault& operator=(const KeyVault&) = delete;
  virtual ~KeyVault() = default;

  [[nodiscard]] virtual bool supports(Algorithm algorithm) const = 0;

  virtual Result<KeyHandle> generate(KeySlot slot, Algorithm algorithm) = 0;
  virtual Result<KeyHandle> import_rsa(KeySlot slot, Algorithm algorithm, const RsaPrivateParts& parts) = 0;
  /// `scalar`: big-endian, field size. Ed25519: the private key of RFC 8032, 5.1.5; X25519: the scalar of
  /// RFC 7748, clamped when it is used.
  virtual Result<KeyHandle> import_ec(KeySlot slot, Algorithm algorithm, const SecretBytes& scalar) = 0;
  virtual Result<KeyHandle> import_symmetric(KeySlot slot, Algorithm algorithm, const SecretBytes& key) = 0;

  /// m^d mod n without any padding; `block` has modulus size and is below the modulus.
  virtual Result<SecretBytes> rsa_private(const KeyHandle& key, BytesView block) = 0;

  /// ECDSA over a digest of exactly `digest_size`; r ‖ s, each of field size.
  virtual Result<Bytes> ecdsa_sign(const KeyHandle& key, BytesView digest) = 0;

  /// Ed25519 over a message of any length that the vault can carry (12 KiB always), 64 octets.
  virtual Result<Bytes> eddsa_sign(const KeyHandle& key, BytesView message) = 0;

  /// The x coordinate of the shared point, field size. `peer` is 04 ‖ x ‖ y. X25519: 32 octets both ways; a
  /// peer that gives zero is `invalid` (RFC 7748, 6.1).
  virtual Result<SecretBytes> ecdh(const KeyHandle& key, BytesView peer) = 0;

  /// One block through the cipher in ECB mode, forwards.
  virtual Result<SecretBytes> encrypt_block(const KeyHandle& key, BytesView block) = 0;
  /// The same backwards: undoes `encrypt_block`, also for keys that were imported before there was this.
  virtual Result<SecretBytes> decrypt_block(const KeyHandle& key, BytesView block) = 0;

  /// A certificate (DER) by which the vault vouches for a key that it has made itself: issued by
  /// `attestation_certificate`, in the format of Yubico's PIV attestation, about what the handle is bound to
  /// and what the card says. Errors: `invalid` for a key that was imported or of which the vault does not
  /// know how it was made; `denied` when the key has a layer that only its holder opens; `unsupported`.
  virtual Result<Bytes> attest(const KeyHandle& key, const AttestationFacts& facts) = 0;
  /// The self-signed certificate (DER) of the key that attests. Errors: `unsupported`.
  virtual Result<Bytes> attestation_certificate() = 0;

  /// The holder has logged out or the session is over: a vault that keeps opened keys for the time of a
  /// session wipes those of this card now.
  virtual void end_session() noexcept = 0;

  /// The card has replaced or deleted the key. Wrapped keys need nothing; a resident HSM object is destroyed.
  virtual Result<void> discard(const KeyHandle& key) = 0;
};

}  // namespace cardea::card

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cardea::card {

/// Cryptographic algorithms by what they are. The numbers that card edges use for them (SP 800-78 table 6-2:
/// 07 is RSA-2048) belong to the edge; these are the ones stored and logged, so they never change.
enum class Algorithm : std::uint8_t {
  tdes = 1,  ///< three-key triple DES, the PIV card management key of old
  aes128 = 2,
  aes192 = 3,
  aes256 = 4,
  rsa2048 = 16,
  rsa3072 = 17,
  rsa4096 = 18,
  p256 = 32,
  p384 = 33,
  p521 = 34,
  ed25519 = 48,  ///< signatures over whole messages (RFC 8032)
  x25519 = 49,   ///< key agreement (RFC 7748)
};

constexpr bool is_rsa(Algorithm a) {
  return a == Algorithm::rsa2048 || a == Algorithm::rsa3072 || a == Algorithm::rsa4096;
}
/// The curves of FIPS 186-4: ECDSA and ECDH. Ed25519 and X25519 are neither.
constexpr bool is_ec(Algorithm a) {
  return a == Algorithm::p256 || a == Algorithm::p384 || a == Algorithm::p521;
}
constexpr bool is_25519(Algorithm a) {
  return a == Algorithm::ed25519 || a == Algorithm::x25519;
}
constexpr bool is_symmetric(Algorithm a) {
  return a <= Algorithm::aes256;
}

/// Octets in an RSA modulus, an EC field element or a private scalar of Ed25519 and X25519; 0 for symmetric
/// algorithms.
constexpr std::size_t field_size(Algorithm a) {
  switch (a) {
    case Algorithm::rsa2048:
      return 256;
    case Algorithm::rsa3072:
      return 384;
    case Algorithm::rsa4096:
      return 512;
    case Algorithm::p256:
      return 32;
    case Algorithm::p384:
      return 48;
    case Algorithm::p521:
      return 66;
    case Algorithm::ed25519:
    case Algorithm::x25519:
      return 32;
    default:
      return 0;
  }
}

/// Octets in a public point: 04 ‖ x ‖ y of an EC key, the encoded coordinate of Ed25519 and X25519; else 0.
constexpr std::size_t point_size(Algorithm a) {
  if (is_25519(a)) return 32;
  return is_ec(a) ? 1 + 2 * field_size(a) : 0;
}

/// Octets in the digest that ECDSA takes here: as many as the field has, and 64 for P-521, whose order has
/// 521 bits, so that no hash fills it; 0 for what is not ECDSA.
constexpr std::size_t digest_size(Algorithm a) {
  if (!is_ec(a)) return 0;
  return a == Algorithm::p521 ? 64 : field_size(a);
}

/// Octets in a symmetric key; 0 for asymmetric algorithms.
constexpr std::size_t key_size(Algorithm a) {
  switch (a) {
    case Algorithm::tdes:
    case Algorithm::aes192:
      return 24;
    case Algorithm::aes128:
      return 16;
    case Algorithm::aes256:
      return 32;
    default:
      return 0;
  }
}

/// Octets in one block of a symmetric cipher; 0 for asymmetric algorithms.
constexpr std::size_t block_size(Algorithm a) {
  if (!is_symmetric(a)) return 0;
  return a == Algorithm::tdes ? 8 : 16;
}

/// "RSA-2048", "P-256", "3DES": for logs and people.
std::string_view name(Algorithm a);

}  // namespace cardea::card

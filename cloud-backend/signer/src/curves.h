#pragma once

#include <p11-kit/pkcs11.h>

#include "cardea/bytes.h"
#include "cardea/card/algorithm.h"
#include "cardea/result.h"

namespace cardea::signer {

// PKCS#11 3.0; the header of p11-kit 0.24 lacks these two.
inline constexpr CK_KEY_TYPE kEcMontgomery = 0x41;
inline constexpr CK_MECHANISM_TYPE kEcMontgomeryKeyPairGen = 0x1056;

namespace der {
// OBJECT IDENTIFIERs as CKA_EC_PARAMS wants them: RFC 5480 2.1.1.1, RFC 8410 3.
inline constexpr std::uint8_t kP256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
inline constexpr std::uint8_t kP384[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};
inline constexpr std::uint8_t kP521[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23};
inline constexpr std::uint8_t kEd25519[] = {0x06, 0x03, 0x2B, 0x65, 0x70};
inline constexpr std::uint8_t kX25519[] = {0x06, 0x03, 0x2B, 0x65, 0x6E};
}  // namespace der

inline BytesView curve_name(card::Algorithm algorithm) {
  switch (algorithm) {
    case card::Algorithm::p384:
      return der::kP384;
    case card::Algorithm::p521:
      return der::kP521;
    case card::Algorithm::ed25519:
      return der::kEd25519;
    case card::Algorithm::x25519:
      return der::kX25519;
    default:
      return der::kP256;
  }
}

/// CKA_EC_POINT is the point inside a DER OCTET STRING; some modules leave the wrapping out.
inline Result<Bytes> bare_point(card::Algorithm algorithm, BytesView value) {
  const auto size = card::point_size(algorithm);
  if (value.size() < size) return fail(Errc::corrupt, "the HSM's public point is too short");
  return to_bytes(value.last(size));
}

}  // namespace cardea::signer

#include "cardea/card/algorithm.h"

namespace cardea::card {

std::string_view name(Algorithm a) {
  switch (a) {
    case Algorithm::tdes:
      return "3DES";
    case Algorithm::aes128:
      return "AES-128";
    case Algorithm::aes192:
      return "AES-192";
    case Algorithm::aes256:
      return "AES-256";
    case Algorithm::rsa2048:
      return "RSA-2048";
    case Algorithm::rsa3072:
      return "RSA-3072";
    case Algorithm::rsa4096:
      return "RSA-4096";
    case Algorithm::p256:
      return "P-256";
    case Algorithm::p384:
      return "P-384";
    case Algorithm::p521:
      return "P-521";
    case Algorithm::ed25519:
      return "Ed25519";
    case Algorithm::x25519:
      return "X25519";
  }
  return "unknown";
}

}  // namespace cardea::card

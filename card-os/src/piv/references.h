#pragma once

#include <cstdint>
#include <optional>

#include "cardea/card/algorithm.h"

namespace cardea::card::piv {

// SP 800-73-4 Part 1, table 4b.
inline constexpr std::uint8_t kAuthenticationKey = 0x9A;
inline constexpr std::uint8_t kManagementKey = 0x9B;
inline constexpr std::uint8_t kSignatureKey = 0x9C;
inline constexpr std::uint8_t kKeyManagementKey = 0x9D;
inline constexpr std::uint8_t kCardAuthenticationKey = 0x9E;
inline constexpr std::uint8_t kFirstRetiredKey = 0x82;
inline constexpr std::uint8_t kLastRetiredKey = 0x95;
inline constexpr std::uint8_t kSecureMessagingKey = 0x04;
inline constexpr std::uint8_t kApplicationPin = 0x80;
inline constexpr std::uint8_t kPuk = 0x81;

constexpr bool is_retired_key(std::uint8_t reference) {
  return reference >= kFirstRetiredKey && reference <= kLastRetiredKey;
}

/// The slots that hold asymmetric keys.
constexpr bool is_key_slot(std::uint8_t reference) {
  return reference == kAuthenticationKey || reference == kSignatureKey || reference == kKeyManagementKey ||
         reference == kCardAuthenticationKey || is_retired_key(reference);
}

/// What GENERAL AUTHENTICATE takes as P2.
constexpr bool is_key(std::uint8_t reference) {
  return is_key_slot(reference) || reference == kManagementKey;
}

/// SP 800-78-4 table 6-2, with 800-78-5's RSA-3072 and Yubico's number for RSA-4096. 00 is another name of
/// 03. E0 and E1 are Yubico's for
/// Ed25519 and X25519. Nothing for 06, RSA-1024,
/// which this card does not do, and for 27 and 2E, which are of the secure messaging key
/// (secure_messaging.h).
constexpr std::optional<Algorithm> algorithm_of(std::uint8_t id) {
  switch (id) {
    case 0x00:
    case 0x03:
      return Algorithm::tdes;
    case 0x08:
      return Algorithm::aes128;
    case 0x0A:
      return Algorithm::aes192;
    case 0x0C:
      return Algorithm::aes256;
    case 0x07:
      return Algorithm::rsa2048;
    case 0x05:
      return Algorithm::rsa3072;
    case 0x16:
      return Algorithm::rsa4096;
    case 0x11:
      return Algorithm::p256;
    case 0x14:
      return Algorithm::p384;
    case 0xE0:
      return Algorithm::ed25519;
    case 0xE1:
      return Algorithm::x25519;
    default:
      return std::nullopt;
  }
}

constexpr std::uint8_t id_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::tdes:
      return 0x03;
    case Algorithm::aes128:
      return 0x08;
    case Algorithm::aes192:
      return 0x0A;
    case Algorithm::aes256:
      return 0x0C;
    case Algorithm::rsa2048:
      return 0x07;
    case Algorithm::rsa3072:
      return 0x05;
    case Algorithm::rsa4096:
      return 0x16;
    case Algorithm::p256:
      return 0x11;
    case Algorithm::p384:
      return 0x14;
    case Algorithm::ed25519:
      return 0xE0;
    case Algorithm::x25519:
      return 0xE1;
    case Algorithm::p521:
      break;  // no card edge has a number for it
  }
  return 0xFF;
}

}  // namespace cardea::card::piv

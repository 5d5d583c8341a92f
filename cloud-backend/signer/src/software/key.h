#pragma once

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>

#include <memory>
#include <optional>

#include "../openssl_free.h"
#include "cardea/bytes.h"
#include "cardea/card/algorithm.h"
#include "cardea/secret.h"

namespace cardea::signer::software {

struct FreeRsa {
  void operator()(RSA* rsa) const;
};
using Rsa = std::unique_ptr<RSA, FreeRsa>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

/// RSA key in the parts that PKCS#11 calls by name.
struct RsaParts {
  BytesView n, e, d, p, q, dp, dq, qinv;
};

/// A private or secret key in the memory of this process, wiped when it goes. Everything is done with
/// OpenSSL's low-level functions: to build an EVP_PKEY costs several times what a signature does.
class Key {
 public:
  /// RSA: an RSAPrivateKey (PKCS #1, A.1.2). EC: the scalar, big-endian, field size. Ed25519 and X25519: the
  /// private key of their RFCs. Symmetric: the key. Nothing when the octets are none of these.
  static std::optional<Key> from_octets(CK_KEY_TYPE type, SecretBytes octets);
  static std::optional<Key> from_rsa_parts(const RsaParts& parts);
  static std::optional<Key> generate_rsa(unsigned bits);
  /// EC, Ed25519, X25519.
  static std::optional<Key> generate_on(card::Algorithm curve);
  /// AES and generic secrets.
  static std::optional<Key> generate_secret(CK_KEY_TYPE type, std::size_t size);

  [[nodiscard]] CK_KEY_TYPE type() const { return type_; }
  [[nodiscard]] BytesView octets() const { return octets_.expose(); }
  [[nodiscard]] std::optional<Key> clone() const { return from_octets(type_, octets_.clone()); }

  struct RsaPublic {
    Bytes modulus, exponent;
  };
  [[nodiscard]] RsaPublic rsa_public() const;
  /// As card::PublicKey has it.
  [[nodiscard]] Bytes point() const;

  /// RSA_X_509, ECDSA, EDDSA, SHA256_HMAC. `out` has room; its used part is the result.
  CK_RV sign(CK_MECHANISM_TYPE mechanism, BytesView data, std::span<std::uint8_t> out,
             std::size_t& written) const;
  /// ECDH and X25519.
  CK_RV agree(BytesView peer, SecretBytes& shared) const;
  /// AES_ECB and DES3_ECB, one block.
  CK_RV encrypt(CK_MECHANISM_TYPE mechanism, BytesView block, std::span<std::uint8_t> out) const {
    return crypt(mechanism, true, block, out);
  }
  CK_RV decrypt(CK_MECHANISM_TYPE mechanism, BytesView block, std::span<std::uint8_t> out) const {
    return crypt(mechanism, false, block, out);
  }
  /// RFC 5649 with an AES-256 key.
  CK_RV wrap(BytesView plain, Bytes& out) const;
  CK_RV unwrap(BytesView wrapped, SecretBytes& out);

 private:
  Key(CK_KEY_TYPE type, SecretBytes octets) : type_{type}, octets_{std::move(octets)} {}

  CK_RV crypt(CK_MECHANISM_TYPE mechanism, bool forwards, BytesView block, std::span<std::uint8_t> out) const;

  CK_KEY_TYPE type_;
  SecretBytes octets_;
  Rsa rsa_;
  CipherContext unwrapping_;  // with its key schedule
};

}  // namespace cardea::signer::software

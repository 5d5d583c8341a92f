#pragma once

#include <string>

#include "cardea/bytes.h"
#include "cardea/cms/piv/card.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::ca {

/// A key that was made off the card, with the certificate that came with it, if one did.
struct ImportedKey {
  piv::PrivateKey key;
  Bytes certificate;  ///< DER; empty: none came with it
};

/// Reads a key as an escrow service hands it out: PKCS#12, or PKCS#8 in PEM or DER, each with or without a
/// passphrase. RSA-2048, 3072, 4096, P-256 and P-384.
///
/// Errors: `not_found`, `unavailable` (file); `denied` (wrong passphrase, or none where one is needed);
/// `corrupt` (no key in it); `unsupported` (another kind of key); `invalid` (an RSA exponent other than
/// 65537).
Result<ImportedKey> read_private_key(const std::string& file, const SecretBytes& passphrase);

/// A new key of this kind, made by OpenSSL on this host.
Result<ImportedKey> make_private_key(piv::KeyAlgorithm algorithm);

/// The public key that a certificate is for. Errors: `unsupported` for a kind that PIV has not.
Result<piv::PublicKey> public_key_of(BytesView certificate);

/// What a key is called in the name of a file: the first 16 hexadecimal digits of the SHA-256 of its
/// SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). Errors: `corrupt`; `unavailable` when OpenSSL cannot hash.
Result<std::string> short_name(const piv::PublicKey& key);

}  // namespace cardea::cms::ca

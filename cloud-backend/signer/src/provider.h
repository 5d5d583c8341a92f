#pragma once

#include "cardea/result.h"

namespace cardea::signer {

/// Makes this process's OpenSSL read private keys the short way. SoftHSM 2.6.1 parses the PKCS #8 of every
/// unwrapped key with EVP_PKCS82PKEY, which in OpenSSL 3 first sets up a chain of all decoders that the
/// providers have: several times the cost of an ECDSA signature. Where no provider offers decoders, the same
/// call goes straight to the parser of the key's type (crypto/evp/evp_pkey.c). So this loads the default
/// provider with everything but its decoders and encoders.
///
/// To be called before anything else in the process uses OpenSSL. Errors: `unsupported`; OpenSSL is as it was
/// then, and everything works, only slower.
Result<void> use_plain_key_parsers();

}  // namespace cardea::signer

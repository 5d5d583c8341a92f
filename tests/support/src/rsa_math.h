#pragma once

#include <optional>

#include "cardea/card/ports/key_vault.h"
#include "cardea/test/rsa_pool.h"

namespace cardea::test {

/// The public key that belongs to two primes; nothing when their product has not the size of `algorithm`, or
/// when no exponent undoes 65537 (one of them is not prime, say).
std::optional<card::PublicKey> rsa_public(card::Algorithm algorithm, const RsaPrimes& primes);

/// Whether the CRT parts belong to the primes.
bool rsa_parts_fit(const card::RsaPrivateParts& parts);

/// The CRT parts that belong to two primes.
card::RsaPrivateParts rsa_crt(const RsaPrimes& primes);

/// block^d mod n, of modulus size.
SecretBytes rsa_power(card::Algorithm algorithm, const RsaPrimes& primes, BytesView block);

/// block^e mod n, of modulus size.
Bytes rsa_public_power(const card::PublicKey& key, BytesView block);

/// Whether `block`, read as a number, is below the modulus.
bool below_modulus(const card::PublicKey& key, BytesView block);

}  // namespace cardea::test

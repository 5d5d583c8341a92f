#pragma once

#include "cardea/card/algorithm.h"
#include "cardea/secret.h"

namespace cardea::test {

/// The two primes of an RSA key; e is 65537.
struct RsaPrimes {
  SecretBytes p, q;
};

/// Key number `index` of the committed pool for this size; the pool starts over when it is used up. These
/// keys are public: they are for tests and protect nothing.
RsaPrimes rsa_pool(card::Algorithm algorithm, std::uint64_t index);

/// How many different keys the pool has for this size.
std::size_t rsa_pool_size(card::Algorithm algorithm);

}  // namespace cardea::test

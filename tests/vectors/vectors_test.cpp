#include <doctest/doctest.h>

#include "cardea/test/ports.h"
#include "cardea/test/software_key_vault.h"
#include "key_vault_vectors.h"

namespace cardea::test {

TEST_CASE("SoftwareKeyVault gives the known answers") {
  SoftwareKeyVault vault;
  key_vault_vectors(vault, CARDEA_VECTORS);
}

TEST_CASE("SHA-256: the examples of FIPS 180-4") {
  const OpenSslCrypto crypto;
  CHECK(to_hex(crypto.sha256(as_bytes("abc"))) ==
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  CHECK(to_hex(crypto.sha256({})) == "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
  CHECK(to_hex(crypto.sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248D6A61D20638B8E5C026930C3E6039A33CE45964FF2167F6ECEDD419DB06C1");
}

}  // namespace cardea::test

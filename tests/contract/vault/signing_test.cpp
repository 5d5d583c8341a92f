// The tenant's key for manifests: inside the HSM, the same for every worker, there for tenants of old.

#include <doctest/doctest.h>

#include "cardea/signer/tenant_keys.h"
#include "token_bench.h"

namespace cardea::test {

TEST_CASE(
    "a tenant's manifest key signs in the HSM, and is the same for every worker and after a restart [B1]") {
  const Bytes digest(32, 0x42);
  card::PublicKey key;
  {
    const auto vault = vault::Vault::open(shared_token().options()).value();
    const auto first = vault->sign_manifest("acme", digest).value();
    key = first.key;
    CHECK(key.algorithm == card::Algorithm::p256);
    CHECK(first.signature.size() == 64);
    CHECK(ecdsa_verify(key, digest, first.signature));
    CHECK_FALSE(ecdsa_verify(key, Bytes(32, 0x43), first.signature));
    REQUIRE(vault->ensure_tenant("other").has_value());
    CHECK(vault->manifest_key("other").value().point != key.point);
    CHECK(vault->sign_manifest("acme", Bytes(31)).error().code == Errc::invalid);
    CHECK(vault->sign_manifest("nobody", digest).error().code == Errc::not_found);
    CHECK(vault->check().has_value());
  }
  const auto vault = vault::Vault::open(shared_token().options()).value();
  CHECK(vault->manifest_key("acme").value() == key);
  CHECK(ecdsa_verify(key, digest, vault->sign_manifest("acme", digest).value().signature));
}

}  // namespace cardea::test

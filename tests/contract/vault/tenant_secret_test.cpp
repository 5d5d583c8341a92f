#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "token_bench.h"

namespace cardea::test {

TEST_CASE("a tenant's secrets: the same from every worker and after a restart, others for others") {
  const auto made = [](const char* tenant, std::string_view label, std::size_t size) {
    const auto vault = vault::Vault::open(shared_token().options()).value();
    REQUIRE(vault->ensure_tenant(tenant).has_value());
    return to_hex(vault->tenant_secret(tenant, label, size).value().expose());
  };
  const auto seed = made("acme", "opaque seed", 64);
  CHECK(seed.size() == 128);
  CHECK(made("acme", "opaque seed", 64) == seed);
  CHECK(made("acme", "opaque key", 64) != seed);
  CHECK(made("acme", "opaque seed", 32) != seed.substr(0, 64));
  CHECK(made("other", "opaque seed", 64) != seed);
  CHECK(made("acme", "x", 512).size() == 1024);
}

TEST_CASE("a tenant's secret has a label, a size and a tenant") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  const Error shape{Errc::invalid, "a tenant's secret has a label and 1 to 512 octets"};
  CHECK(vault->tenant_secret("acme", "", 32).error() == shape);
  CHECK(vault->tenant_secret("acme", std::string(65, 'x'), 32).error() == shape);
  CHECK(vault->tenant_secret("acme", "x", 0).error() == shape);
  CHECK(vault->tenant_secret("acme", "x", 513).error() == shape);
  CHECK(vault->tenant_secret("acme", "x", 70'000).error().code == Errc::invalid);
  CHECK(vault->tenant_secret("nobody", "x", 32).error().code == Errc::not_found);
}

}  // namespace cardea::test

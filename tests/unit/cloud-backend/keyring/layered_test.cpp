// What a rotation leaves to the holder's next login.

#include <doctest/doctest.h>

#include "cardea/keyring/layered.h"
#include "cardea/vault/passcode_key.h"
#include "passcode_holder.h"
#include "ring_bench.h"

namespace cardea::test {
namespace {

using card::Algorithm;

std::uint32_t version_of(const card::KeyHandle& key) {
  return vault::PasscodeKey::parse(key.sealed).value().kek_version;
}

}  // namespace

TEST_CASE(
    "keys behind a passcode are wrapped anew at the holder's login, and then the old version can go [B10]") {
  RingBench bench;
  Holder holder;
  const auto keys = vault::make_passcode_vault(bench.ring->keys_of("acme", "card"), "acme", "card", holder);
  const auto login = [&] {
    return keyring::rewrap_layered(*bench.database, *bench.ring, "acme", "card", holder);
  };
  const auto ec = keys->generate({0x9A, 1}, Algorithm::p256).value();
  bench.store_key("card", ec);
  bench.store_key("card", keys->generate({0x9D, 2}, Algorithm::p256).value());
  CHECK(login().value() == 0);  // there is one version only

  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("hsm.rotate");
  CHECK(bench.ring->rotation("acme").value().waiting == 2);
  CHECK(version_of(bench.load_key("card", 0x9A)) == 1);
  CHECK(bench.ring->retire("acme").error().code == Errc::conflict);

  holder.logged_in = false;
  CHECK(login().error() == Error{Errc::denied, "nobody has logged in"});
  holder.logged_in = true;
  CHECK(login().value() == 2);
  CHECK(login().value() == 0);

  const auto fresh = bench.load_key("card", 0x9A);
  CHECK(version_of(fresh) == 2);
  CHECK(fresh.public_key == ec.public_key);
  CHECK(signs(*keys, fresh));
  CHECK(bench.ring->rotation("acme").value().left == 0);
  REQUIRE(bench.ring->retire("acme").has_value());
  CHECK(signs(*keys, bench.load_key("card", 0x9D)));
  CHECK_FALSE(signs(*keys, ec));
}

TEST_CASE("a damaged key does not keep the others from being wrapped anew [B10]") {
  RingBench bench;
  Holder holder;
  const auto keys = vault::make_passcode_vault(bench.ring->keys_of("acme", "card"), "acme", "card", holder);
  auto damaged = keys->generate({0x9A, 1}, Algorithm::p256).value();
  damaged.sealed.resize(20);
  bench.store_key("card", damaged);
  bench.store_key("card", keys->generate({0x9D, 2}, Algorithm::p256).value());
  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("bad hsm.rotate");
  CHECK(keyring::rewrap_layered(*bench.database, *bench.ring, "acme", "card", holder).value() == 1);
  CHECK(version_of(bench.load_key("card", 0x9D)) == 2);
}

}  // namespace cardea::test

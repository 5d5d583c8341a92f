// Organisations whose keys are token objects: the same laws, a cap, and nothing that is left behind.

#include <doctest/doctest.h>
#include <signal.h>

#include "cardea/vault/sealed_key.h"
#include "ring_bench.h"

namespace cardea::test {

namespace {

using card::Algorithm;

constexpr card::Algorithm kOneSize[] = {Algorithm::rsa2048};

std::unique_ptr<RingBench> resident(std::size_t cap = 100, std::size_t pool = 0) {
  auto bench = std::make_unique<RingBench>(std::map<Algorithm, std::size_t>{{Algorithm::p256, pool}}, cap);
  REQUIRE(bench->database->key_ledger().set_key_mode("acme", store::KeyMode::resident).has_value());
  return bench;
}

std::size_t count(RingBench& bench) {
  return bench.database->key_ledger().resident_count().value();
}

}  // namespace

TEST_CASE("resident keys keep the laws of key vaults [B2]") {
  key_vault_generate_laws([] { return resident(); }, kOneSize);
}
TEST_CASE("resident keys: imports [B2]") {
  key_vault_import_laws([] { return resident(); });
}
TEST_CASE("resident keys are protected [B2]") {
  key_vault_protection_laws([] { return resident(); });
}

TEST_CASE("an organisation changes its mode: keys go where it says then, old ones stay [B2]") {
  RingBench bench;
  auto& keys = bench.vault();
  const auto mode = [](const card::KeyHandle& key) {
    return vault::SealedKey::parse(key.sealed).value().mode;
  };
  const auto wrapped = keys.generate({0x9A, 1}, Algorithm::p256).value();
  CHECK(mode(wrapped) == vault::SealedKey::kModeWrapped);
  REQUIRE(bench.database->key_ledger().set_key_mode("acme", store::KeyMode::resident).has_value());
  const auto token_object = keys.generate({0x9C, 1}, Algorithm::p256).value();
  CHECK(mode(token_object) == vault::SealedKey::kModeResident);
  REQUIRE(bench.database->key_ledger().set_key_mode("acme", store::KeyMode::wrapped).has_value());
  CHECK(mode(keys.generate({0x9D, 1}, Algorithm::p256).value()) == vault::SealedKey::kModeWrapped);
  CHECK(signs(keys, wrapped));
  CHECK(signs(keys, token_object));
  CHECK(bench.database->key_ledger().set_key_mode("nobody", store::KeyMode::wrapped).error().code ==
        Errc::not_found);
}

TEST_CASE("the cap on resident keys is a clear error, and a discarded key makes room [B2]") {
  auto bench = resident(2);
  auto& keys = bench->vault();
  const auto first = keys.generate({0x9A, 1}, Algorithm::p256).value();
  REQUIRE(keys.generate({0x9C, 1}, Algorithm::p256).has_value());
  CHECK(keys.generate({0x9D, 1}, Algorithm::p256).error() ==
        Error{Errc::exhausted, "the HSM holds 2 resident keys and may hold no more: [vault] resident_keys"});
  CHECK(signs(keys, first));
  CHECK(keys.discard(first).has_value());
  CHECK_FALSE(signs(keys, first));
  CHECK(keys.generate({0x9A, 2}, Algorithm::p256).has_value());
  CHECK(count(*bench) == 2);
}

TEST_CASE("resident keys go with their card; one of the pool settles too [B2] [B11]") {
  auto bench = resident(100, 1);
  bench->wait_for("pool.full");
  const auto key = bench->vault().generate({0x9A, 1}, Algorithm::p256).value();
  CHECK(bench->ring->pool_stats().used == 1);
  const auto other = bench->other_card().generate({0x9A, 1}, Algorithm::p256).value();
  CHECK(count(*bench) == 2);
  REQUIRE(bench->ring->forget_card("acme", "card").has_value());
  CHECK_FALSE(signs(bench->vault(), key));
  CHECK(signs(bench->other_card(), other));
  CHECK(count(*bench) == 1);
}

TEST_CASE("what an interruption left in the HSM is destroyed at the next start; what a card has stays [B2]") {
  auto bench = resident();
  const auto kept = bench->vault().generate({0x9A, 3}, Algorithm::p256).value();
  bench->store_key("card", kept);
  const auto lost =
      bench->vault().generate({0x9A, 4}, Algorithm::p256).value();  // never stored: cut off here
  const auto bare = bench->other_card().generate({0x9C, 1}, Algorithm::p256).value();
  CHECK(count(*bench) == 3);
  bench->restart();
  CHECK(count(*bench) == 1);
  CHECK(signs(bench->vault(), kept));
  CHECK_FALSE(signs(bench->vault(), lost));
  CHECK_FALSE(signs(bench->other_card(), bare));
}

}  // namespace cardea::test

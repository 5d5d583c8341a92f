// Organisations whose keys are token objects: the same laws, a cap, and nothing that is left behind.

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <signal.h>

#include "cardea/vault/sealed_key.h"
#include "ring_bench.h"

namespace cardea::test {

namespace {

using card::Algorithm;

constexpr card::Algorithm kOneSize[] = {Algorithm::rsa2048};

std::unique_ptr<RingBench> resident(store::ResidentCaps caps = {100, 100}, std::size_t pool = 0) {
  auto bench = std::make_unique<RingBench>(std::map<Algorithm, std::size_t>{{Algorithm::p256, pool}}, caps);
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
  auto bench = resident({2, 100});
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

TEST_CASE("no organisation's resident keys take the place of another's, and all together fit the HSM [B2]") {
  auto bench = resident({3, 2});
  auto& ledger = bench->database->key_ledger();
  REQUIRE(bench->database->add(store::Organisation{"globex", "Globex", bench->clock.now()}).has_value());
  store::CardRow card;
  card.id = "theirs";
  card.organisation = "globex";
  card.profile = "piv-nist";
  card.serial = 9;
  REQUIRE(bench->database->add(card).has_value());
  REQUIRE(bench->ring->ensure_tenant("globex").has_value());
  REQUIRE(ledger.set_key_mode("globex", store::KeyMode::resident).has_value());
  auto& ours = bench->vault();
  const auto theirs = bench->ring->keys_of("globex", "theirs");
  const Error all_full{Errc::exhausted,
                       "the HSM holds 3 resident keys and may hold no more: [vault] resident_keys"};
  const auto shown = [&bench] {
    std::string text;
    const auto all = bench->ring->resident().value();
    for (const auto& status : all)
      text += status.organisation + " " + std::to_string(status.keys) + " of " + std::to_string(status.cap) +
              (status.own_cap ? " (own) " : " ");
    return text;
  };

  const auto first = ours.generate({0x9A, 1}, Algorithm::p256).value();
  const auto second = ours.generate({0x9C, 1}, Algorithm::p256).value();
  CHECK(
      ours.generate({0x9D, 1}, Algorithm::p256).error() ==
      Error{
          Errc::exhausted,
          "the organisation has 2 resident keys in the HSM and may have 2: cardea org set --resident-keys"});
  bench->wait_for("bad hsm.filling");
  bench->wait_for("bad hsm.full");
  CHECK(theirs->generate({0x9A, 1}, Algorithm::p256).has_value());
  CHECK(shown() == "acme 2 of 2 globex 1 of 2 ");
  CHECK(theirs->generate({0x9C, 1}, Algorithm::p256).error() == all_full);

  // A cap of its own does not make the HSM larger.
  REQUIRE(ledger.set_resident_cap("acme", 3).has_value());
  CHECK(ours.generate({0x9D, 1}, Algorithm::p256).error() == all_full);
  REQUIRE(ours.discard(second).has_value());
  CHECK(theirs->generate({0x9C, 1}, Algorithm::p256).has_value());
  CHECK(shown() == "acme 1 of 3 (own) globex 2 of 2 ");

  // What is there stays, whatever the cap is now.
  REQUIRE(ledger.set_resident_cap("acme", 0).has_value());
  CHECK(signs(ours, first));
  CHECK(
      ours.generate({0x9D, 1}, Algorithm::p256).error() ==
      Error{
          Errc::exhausted,
          "the organisation has 1 resident keys in the HSM and may have 0: cardea org set --resident-keys"});
  REQUIRE(ledger.set_resident_cap("acme", std::nullopt).has_value());
  CHECK(shown() == "acme 1 of 2 globex 2 of 2 ");
  CHECK(ledger.set_resident_cap("nobody", 1).error().code == Errc::not_found);
}

TEST_CASE("resident keys go with their card; one of the pool settles too [B2] [B11]") {
  auto bench = resident({100, 100}, 1);
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

TEST_CASE(
    "what an interruption left in the HSM is destroyed after the next start; what a card has stays [B2]") {
  auto bench = resident();
  const auto kept = bench->vault().generate({0x9A, 3}, Algorithm::p256).value();
  bench->store_key("card", kept);
  const auto lost =
      bench->vault().generate({0x9A, 4}, Algorithm::p256).value();  // never stored: cut off here
  const auto bare = bench->other_card().generate({0x9C, 1}, Algorithm::p256).value();
  CHECK(count(*bench) == 3);
  bench->restart();
  CHECK(bench->ring->destroy_orphans().error() ==
        Error{Errc::unavailable, "the list of resident keys was not compared with the log of changes yet"});
  CHECK(count(*bench) == 3);
  // A card that is being written to meanwhile does not have its new key yet.
  const auto fresh = bench->other_card().generate({0x9D, 2}, Algorithm::p256).value();
  CHECK(bench->protect().problems.empty());
  REQUIRE(bench->ring->destroy_orphans().has_value());
  CHECK(count(*bench) == 2);
  CHECK(signs(bench->vault(), kept));
  CHECK(signs(bench->other_card(), fresh));
  CHECK_FALSE(signs(bench->vault(), lost));
  CHECK_FALSE(signs(bench->other_card(), bare));
  CHECK(bench->database->changes().verify().value().problems.empty());
}

namespace {

/// A card with two keys, and one that was lost, in a database whose changes are logged.
struct Listed {
  Listed() {
    bench->protect();
    bench->store_key("card", kept);
    bench->store_key("card", second);
  }
  void tamper(const std::string& sql) const {
    SQLite::Database file{(bench->token.directory() / "cardea.db").string(), SQLite::OPEN_READWRITE};
    file.setBusyTimeout(10'000);
    file.exec(sql);
  }

  std::unique_ptr<RingBench> bench = resident();
  card::KeyHandle kept = bench->vault().generate({0x9A, 3}, Algorithm::p256).value();
  card::KeyHandle second = bench->vault().generate({0x9C, 4}, Algorithm::p256).value();
  card::KeyHandle lost = bench->vault().generate({0x9D, 5}, Algorithm::p256).value();
};

}  // namespace

TEST_CASE("whatever somebody writes into the lists, the server destroys no key that a card has [B8]") {
  for (const std::string sql :
       {"UPDATE resident_keys SET version = 9 WHERE reference = 154",
        "UPDATE resident_keys SET reference = 157 WHERE reference = 154",
        "UPDATE resident_keys SET card = 'other' WHERE reference = 154",
        "UPDATE resident_keys SET card = 'nobody' WHERE reference = 154",
        "DELETE FROM records WHERE id = 154",
        "UPDATE records SET value = (SELECT value FROM records WHERE id = 156) WHERE id = 154",
        "PRAGMA foreign_keys = OFF; UPDATE cards SET id = 'elsewhere' WHERE id = 'card'",
        "PRAGMA foreign_keys = OFF; DELETE FROM records; DELETE FROM cards WHERE id = 'card'"}) {
    CAPTURE(sql);
    Listed down;
    down.bench->close();
    down.tamper(sql);
    down.bench->restart();
    CHECK_FALSE(down.bench->protect().problems.empty());
    REQUIRE(down.bench->ring->destroy_orphans().has_value());
    for (const auto* key : {&down.kept, &down.second, &down.lost})
      CHECK(signs(down.bench->vault(), *key));

    Listed running;
    running.bench->restart();
    CHECK(running.bench->protect().problems.empty());
    running.tamper(sql);
    REQUIRE(running.bench->ring->destroy_orphans().has_value());
    CHECK(signs(running.bench->vault(), running.kept));
    CHECK(signs(running.bench->vault(), running.second));
    CHECK_FALSE(running.bench->database->changes().alarms().empty());
  }
}

TEST_CASE("with a log that is not the server's no key is destroyed [B8]") {
  Listed it;
  it.bench->close();
  it.tamper("DELETE FROM change_log WHERE number = 2");
  it.bench->restart();
  CHECK_FALSE(it.bench->protect().broken.empty());
  CHECK_FALSE(it.bench->ring->destroy_orphans().error().what.empty());
  CHECK(signs(it.bench->vault(), it.lost));
}

TEST_CASE("a key that goes takes no other with it, whatever somebody has written into the list [B8]") {
  Listed it;
  it.tamper("UPDATE resident_keys SET reference = 156, version = 4 WHERE reference = 154");
  CHECK(it.bench->vault().discard(it.second).error().code == Errc::corrupt);
  CHECK(signs(it.bench->vault(), it.kept));
}

}  // namespace cardea::test

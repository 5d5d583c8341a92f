// A new version of an organisation's keys, in the middle of everything.

#include <doctest/doctest.h>
#include <signal.h>

#include "cardea/card/stored_key.h"
#include "cardea/keyring/masters.h"
#include "cardea/vault/passcode_key.h"
#include "cardea/vault/sealed_key.h"
#include "ring_bench.h"

namespace cardea::test {

namespace {

using card::Algorithm;

std::uint32_t version_of(const card::KeyHandle& key) {
  return vault::SealedKey::parse(key.sealed).value().kek_version;
}

}  // namespace

/// card-os/src/piv/key_record.cpp; the rotation knows this form through card::stored_key only.
void RingBench::store_key(const std::string& card, const card::KeyHandle& key) {
  Bytes record{1, key.slot.reference, static_cast<std::uint8_t>(key.algorithm), 1, 2, 1, 0};
  append_be64(record, key.slot.version);
  for (const auto& field :
       {key.sealed, key.public_key.modulus, key.public_key.exponent, key.public_key.point}) {
    append_be32(record, static_cast<std::uint32_t>(field.size()));
    append(record, field);
  }
  REQUIRE(card::stored_key(record).value().sealed == key.sealed);
  const card::Change change{{card::RecordSpace::key, key.slot.reference}, record};
  REQUIRE(database->card_store(card)->commit({&change, 1}).has_value());
}

card::KeyHandle RingBench::load_key(const std::string& card, std::uint8_t reference) {
  const auto record = database->card_store(card)->get({card::RecordSpace::key, reference}).value();
  REQUIRE(record.has_value());
  return card::stored_key(*record).value();
}

TEST_CASE("every key is wrapped anew in the background, and only then can the old version be retired [B10]") {
  RingBench bench{{{Algorithm::p256, 2}}};
  bench.wait_for("pool.full");
  const auto ec = bench.vault().generate({0x9A, 1}, Algorithm::p256).value();
  const Bytes octets(16, 0x5A);
  bench.store_key("card", ec);
  bench.store_key(
      "card",
      bench.vault().import_symmetric({0x9B, 1}, Algorithm::aes128, SecretBytes{BytesView{octets}}).value());
  bench.store_key("other", bench.other_card().generate({0x9C, 1}, Algorithm::rsa2048).value());
  const auto generation = bench.database->card_store("card")->generation().value();
  CHECK(bench.ring->retire("acme").error() ==
        Error{Errc::conflict, "this organisation has no earlier version of its keys"});

  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("hsm.rotate");
  const auto status = bench.ring->rotation("acme").value();
  CHECK(status.current == 2);
  CHECK(status.oldest == 1);
  CHECK_FALSE(status.running);
  CHECK(status.rewrapped == 3);
  CHECK(status.left == 0);
  for (const auto& [card, reference] :
       {std::pair{"card", 0x9A}, std::pair{"card", 0x9B}, std::pair{"other", 0x9C}}) {
    CHECK(version_of(bench.load_key(card, static_cast<std::uint8_t>(reference))) == 2);
  }
  CHECK(bench.load_key("card", 0x9A).public_key == ec.public_key);
  CHECK(signs(bench.vault(), bench.load_key("card", 0x9A)));
  CHECK(signs(bench.vault(), ec));  // who still has the old form in hand is not cut off
  CHECK(bench.database->card_store("card")->generation().value() == generation + 2);
  CHECK(version_of(bench.vault().generate({0x9D, 1}, Algorithm::p256).value()) == 2);  // from the pool

  REQUIRE(bench.ring->retire("acme").has_value());
  CHECK_FALSE(signs(bench.vault(), ec));
  bench.restart();
  CHECK(bench.ring->rotation("acme").value().oldest == 2);
  CHECK_FALSE(signs(bench.vault(), ec));
  CHECK(signs(bench.vault(), bench.load_key("card", 0x9A)));

  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("hsm.rotate", 2);
  CHECK(version_of(bench.load_key("card", 0x9A)) == 3);
}

TEST_CASE("master keys of cards' keys are wrapped anew with all others [B10][A6]") {
  RingBench bench;
  store::CardKeysRow set;
  set.organisation = "acme";
  set.number = 1;
  set.check_values = Bytes(9);
  for (const std::uint8_t identifier : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
    set.masters.push_back(bench.ring
                              ->import_master("acme", keyring::master_slot(identifier, 1), Algorithm::aes256,
                                              SecretBytes{BytesView{Bytes(32, identifier)}})
                              .value()
                              .sealed);
  }
  auto& ledger = bench.database->key_ledger();
  REQUIRE(ledger.add(set).has_value());
  const auto before = bench.ring->check_value("acme", keyring::masters_of(set)[2]).value();

  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("hsm.rotate");
  CHECK(bench.ring->rotation("acme").value().left == 0);
  const auto masters = keyring::masters_of(ledger.card_keys("acme").value().front());
  REQUIRE(masters.size() == 3);
  for (const auto& master : masters)
    CHECK(version_of(master) == 2);
  CHECK(bench.ring->check_value("acme", masters[2]).value() == before);

  // A damaged one is reported, and keeps the old version from being retired.
  auto damaged = masters;
  damaged[1].sealed[damaged[1].sealed.size() / 2] ^= 1U;
  REQUIRE(ledger.replace_masters(ledger.card_keys("acme").value().front(),
                                 {masters[0].sealed, damaged[1].sealed, masters[2].sealed}));
  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("bad hsm.rotate", 4);  // in each of three passes, and at the end
  CHECK(bench.ring->rotation("acme").value().left == 1);
  CHECK(bench.ring->retire("acme").error().code == Errc::conflict);
  REQUIRE(ledger.retire_card_keys("acme", bench.clock.now()).has_value());
  CHECK(bench.ring->rotation("acme").value().left == 0);
  CHECK(bench.ring->retire("acme").has_value());
}

TEST_CASE("a rotation that was cut off goes on at the next start [B10]") {
  RingBench bench;
  bench.store_key("card", bench.vault().generate({0x9A, 1}, Algorithm::p256).value());
  bench.store_key("other", bench.other_card().generate({0x9A, 1}, Algorithm::p256).value());
  bench.token.install_signer(false);  // whatever it does now comes to nothing
  CHECK(bench.ring->rotate("acme").error().code == Errc::not_found);
  CHECK(bench.ring->rotation("acme").value().current == 1);

  // The version is made, the database names it, and the first card is done; then everything is killed.
  bench.token.install_signer(true);
  const auto vault = vault::Vault::open(bench.token.options()).value();
  REQUIRE(vault->make_version("acme", 2).has_value());
  vault->use_versions("acme", {2, 1});
  auto first = bench.load_key("card", 0x9A);
  first.sealed = vault->rewrap("acme", "card", first).value();
  bench.store_key("card", first);
  auto& ledger = bench.database->key_ledger();
  REQUIRE(ledger.add_kek_version("acme", 2, bench.clock.now()).has_value());
  REQUIRE(ledger.advance("acme", 2, 1, std::nullopt).has_value());
  bench.restart();
  bench.wait_for("hsm.rotate");
  const auto status = bench.ring->rotation("acme").value();
  CHECK(status.rewrapped == 1);
  CHECK(status.left == 0);
  CHECK(signs(bench.other_card(), bench.load_key("other", 0x9A)));
}

TEST_CASE(
    "keys behind a passcode wait for their holder; a damaged one is reported, and both keep the old version "
    "[B10]") {
  RingBench bench;
  auto layered = bench.vault().generate({0x9A, 1}, Algorithm::p256).value();
  const auto pair = api::hpke::generate_key_pair();
  layered.sealed = vault::seal_with_passcode(layered, "acme", "card", pair.public_key).value();
  bench.store_key("card", layered);
  REQUIRE(bench.ring->rotate("acme").has_value());
  bench.wait_for("hsm.rotate");
  auto status = bench.ring->rotation("acme").value();
  CHECK(status.left == 1);
  CHECK(status.waiting == 1);
  CHECK(bench.ring->retire("acme").error() ==
        Error{Errc::conflict, "1 keys still name an earlier version (1 of them until their holders log in)"});

  // The holder logs in.
  auto opened = layered;
  opened.sealed = vault::open_with_passcode(layered, "acme", "card", pair).value();
  opened.sealed = bench.ring->rewrap("acme", "card", opened).value();
  CHECK(signs(bench.vault(), opened));
  opened.sealed = vault::seal_with_passcode(opened, "acme", "card", pair.public_key).value();
  bench.store_key("card", opened);
  CHECK(bench.ring->rotation("acme").value().left == 0);
  CHECK(bench.ring->retire("acme").has_value());
}

}  // namespace cardea::test

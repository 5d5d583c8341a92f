// Keys made ahead, versions of a tenant's keys, resident keys, changed PINs: what the vault does for those
// who keep the lists.

#include <doctest/doctest.h>

#include <signal.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "cardea/vault/sealed_key.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

using card::Algorithm;

const Bytes kDigest(32, 0x42);
constexpr card::KeySlot kSlot{0x9A, 7};
constexpr vault::ResidentId kId{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

bool signs(card::KeyVault& keys, const card::KeyHandle& key) {
  const auto signature = keys.ecdsa_sign(key, kDigest);
  return signature && ecdsa_verify(key.public_key, kDigest, *signature);
}

std::uint32_t version_of(const card::KeyHandle& key) {
  return vault::SealedKey::parse(key.sealed).value().kek_version;
}

}  // namespace

TEST_CASE("a key made ahead works once it is adopted, for that card and slot only [B11]") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  const auto spare = vault->make_spare("acme", Algorithm::p256).value();
  const auto keys = vault->keys_of("acme", "card-1");

  // As it is, no card can use it.
  CHECK(keys->ecdsa_sign({Algorithm::p256, kSlot, spare.sealed, spare.public_key}, kDigest).error().code ==
        Errc::corrupt);
  const auto key = vault->adopt("acme", "card-1", kSlot, spare).value();
  CHECK(key.public_key == spare.public_key);
  CHECK(key.slot.version == 7);
  CHECK(signs(*keys, key));
  CHECK_FALSE(signs(*vault->keys_of("acme", "card-2"), key));
  auto elsewhere = key;
  elsewhere.slot.version = 8;
  CHECK_FALSE(signs(*keys, elsewhere));

  // A card's own handle is no spare key, nor is a damaged one, nor another tenant's.
  CHECK(vault->adopt("acme", "card-2", kSlot, {key.public_key, key.sealed}).error().code == Errc::corrupt);
  auto damaged = spare;
  damaged.sealed.back() ^= 1U;
  CHECK(vault->adopt("acme", "card-1", kSlot, damaged).error().code == Errc::corrupt);
  auto other = vault->make_spare("acme", Algorithm::p256).value();
  CHECK(vault->adopt("acme", "card-1", kSlot, {other.public_key, spare.sealed}).error().code ==
        Errc::corrupt);
  REQUIRE(vault->ensure_tenant("other").has_value());
  CHECK(vault->adopt("other", "card-1", kSlot, spare).error().code == Errc::corrupt);
  vault->rest();
  CHECK(vault->adopt("acme", "card-1", kSlot, vault->make_spare("acme", Algorithm::p384).value()));
  CHECK(vault->check().has_value());
}

TEST_CASE("the making of a spare key can be broken off [B11]") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  std::atomic<bool> done{false};
  std::thread maker{[&] {
    while (vault->make_spare("acme", Algorithm::rsa4096))
      ;
    done = true;
  }};
  while (!done) {
    vault->rest();
    std::this_thread::yield();
  }
  maker.join();
  CHECK(vault->make_spare("acme", Algorithm::p256).has_value());
}

TEST_CASE("a new version of a tenant's keys stands beside the old one; keys are wrapped anew [B10]") {
  const TestToken token;
  const auto vault = vault::Vault::open(token.options()).value();
  const auto keys = vault->keys_of("acme", "card");
  const auto ec = keys->generate(kSlot, Algorithm::p256).value();
  const auto rsa = keys->generate({0x9C, 1}, Algorithm::rsa2048).value();
  const Bytes octets(24, 0x5A);
  const auto aes =
      keys->import_symmetric({0x9B, 1}, Algorithm::aes192, SecretBytes{BytesView{octets}}).value();
  const Bytes block(16, 0x11);
  const auto enciphered = to_bytes(keys->encrypt_block(aes, block).value().expose());

  REQUIRE(vault->make_version("acme", 2).has_value());
  vault->use_versions("acme", {2, 1});
  CHECK(version_of(ec) == 1);
  CHECK(signs(*keys, ec));  // the old one still works
  const auto fresh = keys->generate({0x9D, 1}, Algorithm::p256).value();
  CHECK(version_of(fresh) == 2);
  CHECK(signs(*keys, fresh));

  auto moved = ec;
  moved.sealed = vault->rewrap("acme", "card", ec).value();
  CHECK(version_of(moved) == 2);
  CHECK(signs(*keys, moved));
  CHECK_FALSE(signs(*vault->keys_of("acme", "another"), moved));
  CHECK(vault->rewrap("acme", "another", ec).error().code == Errc::corrupt);
  auto rsa_moved = rsa;
  rsa_moved.sealed = vault->rewrap("acme", "card", rsa).value();
  CHECK(keys->rsa_private(rsa_moved, detail::test_block(256)).has_value());
  auto aes_moved = aes;
  aes_moved.sealed = vault->rewrap("acme", "card", aes).value();
  CHECK(version_of(aes_moved) == 2);
  CHECK(to_bytes(keys->encrypt_block(aes_moved, block).value().expose()) == enciphered);

  vault->use_versions("acme", {2, 2});  // retired
  CHECK(keys->ecdsa_sign(ec, kDigest).error() ==
        Error{Errc::corrupt, "the key is wrapped by a key-encryption key that was retired"});
  CHECK(signs(*keys, moved));
  CHECK(vault->check().has_value());
}

TEST_CASE("a resident key is a token object that goes with its destruction [B2]") {
  const TestToken token;
  const auto vault = vault::Vault::open(token.options()).value();
  const auto keys = vault->keys_of("acme", "card");
  const auto wrapped = keys->generate(kSlot, Algorithm::p256).value();
  const auto key = vault->settle("acme", "card", wrapped, kId).value();
  CHECK(vault::SealedKey::parse(key.sealed).value().mode == vault::SealedKey::kModeResident);
  CHECK(signs(*keys, key));
  CHECK(keys->ecdh(key, host_key(Algorithm::p256).point).has_value());
  CHECK_FALSE(signs(*vault->keys_of("acme", "another"), key));
  CHECK(vault->settle("acme", "card", key, kId).error().code == Errc::invalid);

  // It outlives the workers, and the version of the tag can be renewed.
  const auto again = vault::Vault::open(token.options()).value();
  CHECK(signs(*again->keys_of("acme", "card"), key));
  REQUIRE(again->make_version("acme", 2).has_value());
  again->use_versions("acme", {2, 1});
  auto moved = key;
  moved.sealed = again->rewrap("acme", "card", key).value();
  CHECK(version_of(moved) == 2);
  CHECK(signs(*again->keys_of("acme", "card"), moved));

  CHECK(again->destroy_resident("acme", "another", kId).has_value());  // not its card
  CHECK(signs(*keys, key));
  CHECK(keys->discard(key).has_value());
  CHECK(keys->ecdsa_sign(key, kDigest).error() ==
        Error{Errc::corrupt, "the HSM no longer holds this key of the card"});
  CHECK(keys->discard(key).has_value());
  CHECK(vault->check().has_value());
}

TEST_CASE("PINs of the token change while the vault works, and again after an interruption [B7]") {
  const TestToken token;
  const auto fresh = SecretBytes{as_bytes("a-new-user-pin")};
  const auto officer = SecretBytes{as_bytes("a-new-officer-pin")};
  const auto vault = vault::Vault::open(token.options()).value();
  const auto old_officer = [&] {
    std::ifstream file{std::filesystem::path{token.hsm().config_file}.parent_path() / "so.pin"};
    std::string text;
    std::getline(file, text);
    return SecretBytes{as_bytes(text)};
  }();
  const auto key = vault->keys_of("acme", "card")->generate(kSlot, Algorithm::p256).value();
  CHECK(vault->change_pin(false, token.options().user_pin, fresh).has_value());
  CHECK(vault->change_pin(false, token.options().user_pin, fresh).has_value());  // done before
  CHECK(vault->change_pin(true, old_officer, officer).has_value());
  CHECK(signs(*vault->keys_of("acme", "card"), key));
  CHECK(vault->ensure_tenant("later").has_value());  // with both new PINs
  CHECK(vault->change_pin(false, token.options().user_pin, token.options().user_pin).error().code ==
        Errc::denied);

  // Workers that start now know it; nobody else gets in with the old one.
  for (const auto worker : signers())
    ::kill(worker, SIGKILL);
  while (!vault->check())  // both may be asked before they are dead
    ::sched_yield();
  CHECK(signs(*vault->keys_of("acme", "card"), key));
  CHECK(vault::Vault::open(token.options()).error().code == Errc::denied);
  auto options = token.options();
  options.user_pin = fresh.clone();
  CHECK(vault::Vault::open(std::move(options)).has_value());
}

}  // namespace cardea::test

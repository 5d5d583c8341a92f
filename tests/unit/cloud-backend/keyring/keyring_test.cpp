// Keys made ahead: each used once, none half, worth nothing in an old copy of the database.

#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "ring_bench.h"

namespace cardea::test {

namespace {

using card::Algorithm;

constexpr card::KeySlot kSlot{0x9A, 1};

/// Its signer for spare keys is about to start when it is first told to rest, and needs long from there on.
class AboutToBegin final : public vault::Vault {
 public:
  AboutToBegin(std::atomic<bool>& begun, std::atomic<bool>& ended) : begun_{begun}, ended_{ended} {}

  Result<vault::SpareKey> make_spare(const std::string&, Algorithm) override {
    constexpr std::chrono::seconds kLong{10};
    std::unique_lock lock{mutex_};
    begun_ = true;
    begun_.notify_all();
    told_.wait(lock, [this] { return rests_ > 0; });
    const auto before = rests_;
    ended_ = told_.wait_for(lock, kLong, [&] { return rests_ > before; });
    return fail(Errc::unavailable, "the signer has ended");
  }
  void rest() override {
    const std::lock_guard lock{mutex_};
    ++rests_;
    told_.notify_all();
  }

  Result<void> ensure_tenant(const std::string&) override { return {}; }
  std::unique_ptr<card::KeyVault> keys_of(const std::string&, const std::string&) override { return nullptr; }
  Result<void> check() override { return {}; }
  [[nodiscard]] vault::Stats stats() const override { return {}; }

 private:
  std::atomic<bool>& begun_;
  std::atomic<bool>& ended_;
  std::mutex mutex_;
  std::condition_variable told_;
  unsigned rests_ = 0;
};

}  // namespace

TEST_CASE("a key is taken from the pool, and the pool fills up again [B11]") {
  RingBench bench{{{Algorithm::p256, 3}}};
  bench.wait_for("pool.full");
  const auto oldest = bench.database->key_ledger().spares("acme").value().front();
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  CHECK(key.public_key == oldest.public_key);
  CHECK(key.slot.version == 1);
  CHECK(signs(bench.vault(), key));
  CHECK_FALSE(signs(bench.other_card(), key));
  CHECK(bench.ring->pool_stats().used == 1);
  bench.wait_for("pool.full", 2);
  const auto pool = bench.ring->pool().value();
  REQUIRE(pool.size() == 1);
  CHECK(pool.front().ready == 3);
  CHECK(pool.front().wanted == 3);
  // What is not in the pool is made while one waits.
  CHECK(bench.vault().generate(kSlot, Algorithm::p384).has_value());
  CHECK(bench.ring->pool_stats().missed == 0);
}

TEST_CASE("while keys are taken, none are made before half of the pool is gone [B11]") {
  RingBench bench{{{Algorithm::p256, 4}}, {100, 100}, std::chrono::hours{1}};
  bench.wait_for("pool.full");
  REQUIRE(bench.ring->pool_stats().made == 4);
  const auto ready = [&] { return bench.ring->pool().value().front().ready; };
  for (std::uint64_t version = 1; version <= 2; ++version)
    REQUIRE(bench.vault().generate({0x9A, version}, Algorithm::p256).has_value());
  CHECK(ready() == 2);
  REQUIRE(bench.vault().generate({0x9A, 3}, Algorithm::p256).has_value());
  while (bench.ring->pool_stats().made < 5)
    ::sched_yield();
  CHECK(ready() == 2);
  CHECK(bench.ring->pool_stats().made == 5);
}

TEST_CASE("no two cards get the same key from the pool, however many ask at once [B11]") {
  RingBench bench{{{Algorithm::p256, 12}}};
  bench.wait_for("pool.full");
  std::mutex mutex;
  std::set<Bytes> points;
  std::vector<std::thread> cards;
  for (unsigned i = 0; i < 6; ++i) {
    cards.emplace_back([&, i] {
      const auto keys = bench.ring->keys_of("acme", "card-" + std::to_string(i));
      for (std::uint64_t version = 1; version <= 4; ++version) {
        const auto key = keys->generate({0x9A, version}, Algorithm::p256);
        const std::lock_guard lock{mutex};
        if (key) points.insert(key->public_key.point);
      }
    });
  }
  for (auto& card : cards)
    card.join();
  CHECK(points.size() == 24);
  CHECK(bench.ring->pool_stats().used + bench.ring->pool_stats().missed == 24);
  CHECK(bench.ring->pool_stats().used >= 12);
}

TEST_CASE("the pool survives a restart; what stands in the database is no handle [B11] [B5]") {
  RingBench bench{{{Algorithm::p256, 2}}};
  bench.wait_for("pool.full");
  const auto before = bench.database->key_ledger().spares("acme").value();
  REQUIRE(before.size() == 2);
  bench.restart();
  CHECK(bench.database->key_ledger().spares("acme").value().front().public_key == before.front().public_key);

  // With the HSM's PIN and an old copy of the row nobody adopts the key.
  const auto thief = vault::Vault::open(bench.token.options()).value();
  CHECK(
      thief->adopt("acme", "card", kSlot, {before.front().public_key, before.front().sealed}).error().code ==
      Errc::corrupt);
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  CHECK(key.public_key == before.front().public_key);

  // A row that was damaged, or boxed under a lost pool key, is passed over.
  const auto left = bench.database->key_ledger().spares("acme").value().front();
  auto damaged = left.sealed;
  damaged.back() ^= 1U;
  CHECK(bench.database->key_ledger().replace_spare(left.number, damaged).value());
  CHECK(signs(bench.vault(), bench.vault().generate({0x9A, 2}, Algorithm::p256).value()));
}

TEST_CASE("the end of the server does not wait for a key whose making was just about to begin [B11]") {
  RingBench bench;
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  {
    keyring::Options options;
    options.pool = {{Algorithm::rsa4096, 1}};
    options.pool_key = SecretBytes{32};
    keyring::Keyring ring{*bench.database, bench.clock, bench.rng, std::move(options)};
    REQUIRE(ring.open(std::make_unique<AboutToBegin>(begun, ended)));
    begun.wait(false);
  }
  CHECK(ended);
}

TEST_CASE("while the server is sealed every key operation says why") {
  RingBench bench;
  keyring::Options options;
  options.pool_key = SecretBytes{32};
  keyring::Keyring closed{*bench.database, bench.clock, bench.rng, std::move(options)};
  CHECK(closed.sealed());
  closed.explain("1 of 3 shares is there");
  const Error why{Errc::unavailable, "1 of 3 shares is there"};
  CHECK(closed.check().error() == why);
  CHECK(closed.ensure_tenant("acme").error() == why);
  CHECK(closed.keys_of("acme", "card")->generate(kSlot, Algorithm::p256).error() == why);
  CHECK(closed.rotate("acme").error() == why);
}

}  // namespace cardea::test

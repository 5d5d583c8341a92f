#pragma once

// A keyring over a token and a database of its own, with organisation "acme" and two cards in it.

#include <sched.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "cardea/keyring/keyring.h"
#include "cardea/test/ports.h"
#include "token_bench.h"

namespace cardea::test {

/// For the test and for the ring's own thread, as the server's is.
class SharedRng final : public card::Rng {
 public:
  explicit SharedRng(std::uint64_t seed) : rng_{seed} {}

  void fill(std::span<std::uint8_t> out) override {
    const std::lock_guard lock{mutex_};
    rng_.fill(out);
  }

 private:
  std::mutex mutex_;
  SeededRng rng_;
};

class RingBench final : public KeyVaultBench {
 public:
  explicit RingBench(std::map<card::Algorithm, std::size_t> pool = {}, store::ResidentCaps caps = {100, 100},
                     std::chrono::milliseconds settle = {})
      : pool_{std::move(pool)}, caps_{caps}, settle_{settle} {
    open_database();
    REQUIRE(database->add(store::Organisation{"acme", "Acme", clock.now()}).has_value());
    for (const auto* id : {"card", "other"}) {
      store::CardRow row;
      row.id = id;
      row.organisation = "acme";
      row.profile = "piv-nist";
      row.serial = ++serial_;
      REQUIRE(database->add(row).has_value());
    }
    open_ring();
  }

  RingBench(const RingBench&) = delete;
  RingBench& operator=(const RingBench&) = delete;
  /// The ring's thread reports to what is declared after it.
  ~RingBench() override { close(); }

  card::KeyVault& vault() override { return *card_; }
  card::KeyVault& other_card() override { return *other_; }
  bool set_available(bool available) override {
    token.install_signer(available);
    if (!available) {
      for (const auto worker : signers())
        ::kill(worker, SIGKILL);
      return true;
    }
    while (!ring->check())
      ::sched_yield();
    return true;
  }

  /// As after a restart of the server, with the database as it is.
  void restart() {
    close();
    open_database();
    open_ring();
  }
  /// As the server does when it has the key of the log of changes: rows are compared from now on.
  store::Findings protect() { return database->changes().protect(SecretBytes{32}).value(); }
  void close() {
    card_.reset();
    other_.reset();
    ring.reset();
    database.reset();
  }

  /// Until the thread in the background has said this so often.
  void wait_for(const std::string& event, unsigned times = 1) {
    std::unique_lock lock{mutex_};
    REQUIRE(said_.wait_for(lock, std::chrono::seconds{120}, [&] { return events_[event] >= times; }));
  }

  /// As the card stores it.
  void store_key(const std::string& card, const card::KeyHandle& key);
  card::KeyHandle load_key(const std::string& card, std::uint8_t reference);

  TestToken token;
  FakeClock clock;
  SharedRng rng{11};
  std::unique_ptr<store::Database> database;
  std::optional<keyring::Keyring> ring;

 private:
  void open_database() { database = store::Database::open({token.directory() / "cardea.db"}).value(); }
  void open_ring() {
    keyring::Options options;
    options.pool = pool_;
    options.resident = caps_;
    options.settle = settle_;
    options.pool_key = SecretBytes{32};
    options.report = [this](bool good, std::string_view event, std::string_view) {
      const std::lock_guard lock{mutex_};
      ++events_[(good ? "" : "bad ") + std::string{event}];
      said_.notify_all();
    };
    ring.emplace(*database, clock, rng, std::move(options));
    REQUIRE(ring->open(vault::Vault::open(token.options()).value()).has_value());
    card_ = ring->keys_of("acme", "card");
    other_ = ring->keys_of("acme", "other");
  }

  const std::map<card::Algorithm, std::size_t> pool_;
  const store::ResidentCaps caps_;
  const std::chrono::milliseconds settle_;
  std::uint32_t serial_ = 0;
  std::mutex mutex_;
  std::condition_variable said_;
  std::map<std::string, unsigned> events_;
  std::unique_ptr<card::KeyVault> card_, other_;
};

inline bool signs(card::KeyVault& keys, const card::KeyHandle& key) {
  const Bytes digest(32, 0x42);
  const auto signature = keys.ecdsa_sign(key, digest);
  return signature && ecdsa_verify(key.public_key, digest, *signature);
}

}  // namespace cardea::test

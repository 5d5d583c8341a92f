// The store over SQLite keeps the laws of Store, and PIN logins over it those of PinVault; failures are made
// in SQLite's file layer.

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <string>

#include "cardea/service/pins.h"
#include "cardea/service/world.h"
#include "cardea/store/database.h"
#include "pin_vault_laws.h"
#include "store_faulty_vfs.h"
#include "store_laws.h"

namespace cardea::test {

namespace {

using store::CardRow;
using store::CardState;
using store::Database;
using store::test::FaultyVfs;

/// PIN logins as the server has them, the server playing the client: stretched as little as may be, since
/// what is tested does not depend on it.
std::unique_ptr<card::PinVault> pins_of(Database& db, const std::string& card) {
  static const auto keys = service::make_pin_keys({}, {}).value();
  static const auto clock = service::make_clock();
  static const auto rng = service::make_rng();
  const api::opaque::Ksf quick{api::opaque::Ksf::Function::argon2id, 8 * 1024, 1};
  return std::make_unique<service::Pins>(
      db.pin_records(card),
      service::Pins::World{[]() -> Result<service::PinKeys> { return keys; }, *clock, *rng}, "org", card,
      service::PinOptions{true, quick});
}

class Storage {
 public:
  Storage() {
    FaultyVfs::install();
    std::string name = (std::filesystem::temp_directory_path() / "cardea-contract-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    open();
    REQUIRE(db().add(store::Organisation{"org", "Acme", {}}));
    for (const std::uint32_t serial : {1U, 2U}) {
      const auto id = "card-" + std::to_string(serial);
      REQUIRE(db().add(CardRow{id, "org", {}, "piv-nist", "", serial, CardState::active, {}}));
    }
  }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() {
    FaultyVfs::fail_sync(0);
    FaultyVfs::disk_full(false);
    database_.reset();
    std::filesystem::remove_all(directory_);
  }

  Database& db() { return *database_; }
  void reopen() {
    database_.reset();
    open();
  }

 private:
  void open() {
    auto opened = Database::open({directory_ / "cardea.db"});
    if (!opened) FAIL(opened.error().what);
    database_ = std::move(*opened);
  }

  std::filesystem::path directory_;
  std::unique_ptr<Database> database_;
};

class SqliteStoreBench final : public StoreBench {
 public:
  SqliteStoreBench() { connect(); }
  card::Store& store() override { return *first_; }
  card::Store& second_session() override { return *second_; }
  card::Store* other_card() override { return other_.get(); }
  bool reopen() override {
    first_.reset(), second_.reset(), other_.reset();
    storage_.reopen();
    connect();
    return true;
  }
  bool fail_next_commit() override {
    FaultyVfs::fail_sync(1);
    return true;
  }

 private:
  void connect() {
    first_ = storage_.db().card_store("card-1");
    second_ = storage_.db().card_store("card-1");
    other_ = storage_.db().card_store("card-2");
  }

  Storage storage_;
  std::unique_ptr<card::Store> first_, second_, other_;
};

class SqlitePinBench final : public PinVaultBench {
 public:
  card::PinVault& session(unsigned n) override {
    auto& vault = sessions_[n];
    if (!vault) vault = pins_of(storage_.db(), "card-1");
    return *vault;
  }
  card::Store* store() override {
    if (!store_) store_ = storage_.db().card_store("card-1");
    return store_.get();
  }
  bool reopen() override {
    sessions_.clear();
    store_.reset();
    storage_.reopen();
    return true;
  }
  bool fail_step(unsigned n) override {
    FaultyVfs::fail_sync(static_cast<int>(n));
    return true;
  }
  std::optional<std::uint64_t> comparisons() override { return storage_.db().stats().pin_comparisons; }

 private:
  Storage storage_;
  std::unique_ptr<card::Store> store_;
  std::map<unsigned, std::unique_ptr<card::PinVault>> sessions_;
};

}  // namespace

TEST_CASE("the SQLite store keeps the laws of Store") {
  store_laws([] { return std::make_unique<SqliteStoreBench>(); });
}

TEST_CASE("PIN logins over the SQLite store: values, counters, limits") {
  pin_vault_basics([] { return std::make_unique<SqlitePinBench>(); });
}

TEST_CASE("PIN logins over the SQLite store keep the laws of PinVault") {
  pin_vault_laws([] { return std::make_unique<SqlitePinBench>(); });
}

TEST_CASE("a sync that fails is unavailable, changes nothing, and the next write works") {
  Storage it;
  auto store = it.db().card_store("card-1");
  REQUIRE(detail::put(*store, detail::kObject, {1}));
  FaultyVfs::fail_sync(1);
  const auto failed = detail::put(*store, detail::kObject, {2});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == Errc::unavailable);
  CHECK(store->get(detail::kObject).value() == Bytes{1});
  REQUIRE(detail::put(*store, detail::kKey, {3}));
  store.reset();
  it.reopen();
  const auto again = it.db().card_store("card-1");
  CHECK(again->get(detail::kObject).value() == Bytes{1});
  CHECK(again->get(detail::kKey).value() == Bytes{3});
}

TEST_CASE(
    "a full disk is exhausted for every write, reading goes on, and so does writing once there is room") {
  Storage it;
  const auto store = it.db().card_store("card-1");
  const auto vault = pins_of(it.db(), "card-1");
  REQUIRE(detail::put(*store, detail::kObject, {1}));
  REQUIRE(detail::set(*vault, card::PinRef::application, detail::kRight));
  const auto compared = it.db().stats().pin_comparisons;
  FaultyVfs::disk_full(true);
  CHECK(detail::put(*store, detail::kObject, {2}).error().code == Errc::exhausted);
  CHECK(it.db().check().error().code == Errc::exhausted);
  CHECK(it.db().append({0, {}, "org", {}, "server", "x", true, "{}"}).error().code == Errc::exhausted);
  // No try can be paid, so none is given.
  CHECK(vault->verify(card::PinRef::application, detail::kRight).error().code == Errc::exhausted);
  CHECK(it.db().stats().pin_comparisons == compared);
  CHECK(store->get(detail::kObject).value() == Bytes{1});
  CHECK(it.db().card("card-1").has_value());
  FaultyVfs::disk_full(false);
  REQUIRE(detail::put(*store, detail::kObject, {3}));
  CHECK(vault->verify(card::PinRef::application, detail::kRight).value().match);
  CHECK(it.db().check().has_value());
  REQUIRE(it.db().append({0, {}, "org", {}, "server", "x", true, "{}"}));
  CHECK(it.db().audit({}).value().back().number == 1);
}

}  // namespace cardea::test

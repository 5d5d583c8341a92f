#pragma once

// The laws of card::Store as doctest cases, for any implementation. Use:
//
//   TEST_CASE("SQLite keeps the laws of Store") {
//     store_laws([] { return std::make_unique<SqliteStoreBench>(); });
//   }

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "cardea/card/ports/store.h"
#include "cardea/test/print.h"

namespace cardea::test {

/// One empty card in one storage, and what a law needs to do to it.
class StoreBench {
 public:
  StoreBench() = default;
  StoreBench(const StoreBench&) = delete;
  StoreBench& operator=(const StoreBench&) = delete;
  virtual ~StoreBench() = default;

  /// The card's store. The reference is good until `reopen`.
  virtual card::Store& store() = 0;
  /// The same card, seen from another session.
  virtual card::Store& second_session() = 0;
  /// Another card in the same storage; null when the implementation holds one card only.
  virtual card::Store* other_card() { return nullptr; }
  /// Closes and opens again, as a restart does. False when the implementation cannot.
  virtual bool reopen() { return false; }
  /// Makes the next commit fail. False when the implementation cannot.
  virtual bool fail_next_commit() { return false; }
};

using MakeStoreBench = std::function<std::unique_ptr<StoreBench>()>;

namespace detail {

inline constexpr card::RecordId kObject{card::RecordSpace::object, 0x5FC102};
inline constexpr card::RecordId kKey{card::RecordSpace::key, 0x9A};

inline Result<void> put(card::Store& store, card::RecordId id, Bytes value) {
  const card::Change change{id, std::move(value)};
  return store.commit({&change, 1});
}
inline Result<void> erase(card::Store& store, card::RecordId id) {
  const card::Change change{id, std::nullopt};
  return store.commit({&change, 1});
}

}  // namespace detail

inline void store_laws(const MakeStoreBench& make) {
  using namespace detail;  // NOLINT(google-build-using-namespace): the law's own helpers
  const auto bench = make();
  auto& store = bench->store();

  SUBCASE("an empty store has nothing in any space") {
    CHECK(store.get(kObject).value() == std::nullopt);
    for (const auto space : {card::RecordSpace::card, card::RecordSpace::object, card::RecordSpace::key}) {
      CHECK(store.list(space).value().empty());
    }
  }
  SUBCASE("what is committed is read back, octet for octet; an empty value is a value") {
    Bytes all(256);
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = static_cast<std::uint8_t>(i);
    REQUIRE(put(store, kObject, all));
    REQUIRE(put(store, kKey, {}));
    CHECK(store.get(kObject).value() == all);
    CHECK(store.get(kKey).value() == Bytes{});
  }
  SUBCASE("values of 16 KiB are kept whole, the largest object a card has") {
    const Bytes large(16384 + 64, 0xA5);
    REQUIRE(put(store, kObject, large));
    CHECK(store.get(kObject).value() == large);
  }
  SUBCASE("spaces do not mix, and list is ascending") {
    for (const std::uint32_t id : {0xFFFFFFFFU, 0x5FC105U, 7U, 0U}) {
      REQUIRE(put(store, {card::RecordSpace::object, id}, {1}));
    }
    REQUIRE(put(store, {card::RecordSpace::key, 7}, {2}));
    CHECK(store.list(card::RecordSpace::object).value() ==
          std::vector<std::uint32_t>{0, 7, 0x5FC105, 0xFFFFFFFF});
    CHECK(store.list(card::RecordSpace::key).value() == std::vector<std::uint32_t>{7});
    CHECK(store.get({card::RecordSpace::key, 7}).value() == Bytes{2});
  }
  SUBCASE("law 1: a commit of several changes applies all of them, the last one for a record winning") {
    REQUIRE(put(store, kKey, {9}));
    const std::vector<card::Change> changes{{kObject, Bytes{1}}, {kKey, std::nullopt}, {kObject, Bytes{2}}};
    REQUIRE(store.commit(changes));
    CHECK(store.get(kObject).value() == Bytes{2});
    CHECK(store.get(kKey).value() == std::nullopt);
  }
  SUBCASE("laws 1 and 5: a failed commit changes nothing, and the next one works") {
    REQUIRE(put(store, kObject, {1}));
    const auto generation = store.generation().value();
    if (bench->fail_next_commit()) {
      const std::vector<card::Change> changes{{kObject, Bytes{2}}, {kKey, Bytes{3}}};
      CHECK_FALSE(store.commit(changes).has_value());
      CHECK(store.get(kObject).value() == Bytes{1});
      CHECK(store.get(kKey).value() == std::nullopt);
      CHECK(store.generation().value() == generation);
      REQUIRE(store.commit(changes));
      CHECK(store.get(kKey).value() == Bytes{3});
    }
  }
  SUBCASE("law 2: commits survive closing and opening again, and so does the generation") {
    REQUIRE(put(store, kObject, {1, 2, 3}));
    const auto generation = store.generation().value();
    if (bench->reopen()) {
      CHECK(bench->store().get(kObject).value() == Bytes{1, 2, 3});
      CHECK(bench->store().generation().value() >= generation);
    }
  }
  SUBCASE("law 3: the generation grows with each commit, also one that erases or changes nothing") {
    auto last = store.generation().value();
    const auto grows = [&](const Result<void>& done) {
      REQUIRE(done.has_value());
      const auto now = store.generation().value();
      CHECK(now > last);
      last = now;
    };
    grows(put(store, kObject, {1}));
    grows(put(store, kObject, {1}));
    grows(erase(store, kObject));
    grows(erase(store, kObject));
    CHECK(store.get(kObject).value() == std::nullopt);
    CHECK(store.generation().value() == last);
  }
  SUBCASE("law 4: sessions of one card see each other's commits at once") {
    auto& other = bench->second_session();
    REQUIRE(put(store, kObject, {1}));
    CHECK(other.get(kObject).value() == Bytes{1});
    CHECK(other.generation().value() == store.generation().value());
    REQUIRE(put(other, kObject, {2}));
    CHECK(store.get(kObject).value() == Bytes{2});
    REQUIRE(erase(other, kObject));
    CHECK(store.list(card::RecordSpace::object).value().empty());
    CHECK(store.generation().value() == other.generation().value());
  }
  SUBCASE("law 6: a commit happens if its conditions hold, and else not at all") {
    using card::Condition;
    const auto commit_if = [&](std::vector<Condition> conditions, std::vector<card::Change> changes) {
      return store.commit_if(conditions, changes);
    };
    const auto refused = [&](std::vector<Condition> conditions) {
      const auto generation = store.generation().value();
      const auto done = commit_if(std::move(conditions), {{kObject, Bytes{9}}, {kKey, Bytes{9}}});
      return !done && done.error().code == Errc::conflict && store.generation().value() == generation;
    };
    REQUIRE(commit_if({{kObject, std::nullopt}}, {{kObject, Bytes{1}}}));
    CHECK(refused({{kObject, std::nullopt}}));
    CHECK(refused({{kObject, Bytes{}}}));
    CHECK(refused({{kObject, Bytes{1, 0}}}));
    CHECK(refused({{kObject, Bytes{1}}, {kKey, Bytes{}}}));
    CHECK(store.get(kObject).value() == Bytes{1});
    CHECK(store.get(kKey).value() == std::nullopt);
    // Conditions are about what was there before the changes.
    REQUIRE(commit_if({{kObject, Bytes{1}}, {kKey, std::nullopt}}, {{kKey, Bytes{}}, {kObject, Bytes{2}}}));
    CHECK(refused({{kKey, std::nullopt}}));
    REQUIRE(commit_if({{kKey, Bytes{}}, {kObject, Bytes{2}}}, {{kObject, std::nullopt}}));
    CHECK(store.get(kObject).value() == std::nullopt);
  }
  SUBCASE("law 6: of sessions that count at the same time, each number is one's") {
    constexpr std::uint8_t kNumbers = 50;
    std::atomic<unsigned> won{0}, lost{0}, other{0};
    const auto count = [&](card::Store& mine) {
      for (std::uint8_t n = 0; n < kNumbers; ++n) {
        const card::Condition before{kObject, n == 0 ? std::nullopt : std::optional<Bytes>{Bytes{n}}};
        const card::Change after{kObject, Bytes{static_cast<std::uint8_t>(n + 1)}};
        const auto done = mine.commit_if({&before, 1}, {&after, 1});
        if (done) {
          ++won;
        } else {
          ++(done.error().code == Errc::conflict ? lost : other);
        }
        while (mine.get(kObject).value_or(std::nullopt).value_or(Bytes{0}).front() <= n)
          std::this_thread::yield();
      }
    };
    auto& second = bench->second_session();
    std::thread rival{[&] { count(second); }};
    count(store);
    rival.join();
    CHECK(won == kNumbers);
    CHECK(lost == kNumbers);
    CHECK(other == 0);
    CHECK(store.get(kObject).value() == Bytes{kNumbers});
  }
  SUBCASE("cards do not see each other") {
    if (auto* other = bench->other_card(); other != nullptr) {
      const auto generation = other->generation().value();
      REQUIRE(put(store, kObject, {1}));
      CHECK(other->get(kObject).value() == std::nullopt);
      CHECK(other->list(card::RecordSpace::object).value().empty());
      CHECK(other->generation().value() == generation);
      REQUIRE(erase(*other, kObject));
      CHECK(store.get(kObject).value() == Bytes{1});
    }
  }
}

}  // namespace cardea::test

#include <atomic>
#include <thread>

#include "fixture.h"

namespace cardea::store::test {

namespace {

using card::Change;
using card::RecordId;
using card::RecordSpace;

constexpr RecordId kObject{RecordSpace::object, 0x5FC105};
constexpr RecordId kKey{RecordSpace::key, 0x9A};

Result<void> put(card::Store& store, RecordId id, std::optional<Bytes> value) {
  const Change change{id, std::move(value)};
  return store.commit(std::span{&change, 1});
}

}  // namespace

TEST_CASE("records: written, read, listed, erased, empty values kept") {
  Furnished it;
  const auto store = it.db->card_store("card");
  CHECK_FALSE(must(store->get(kObject)).has_value());
  const std::vector<Change> changes{
      {kObject, Bytes{1, 2}}, {kKey, Bytes{}}, {{RecordSpace::object, 3}, Bytes{9}}};
  must(store->commit(changes));
  CHECK(must(store->get(kObject)) == Bytes{1, 2});
  CHECK(must(store->get(kKey)) == Bytes{});
  CHECK(must(store->list(RecordSpace::object)) == std::vector<std::uint32_t>{3, 0x5FC105});
  CHECK(must(store->list(RecordSpace::card)).empty());
  must(put(*store, kObject, std::nullopt));
  must(put(*store, kObject, std::nullopt));
  CHECK_FALSE(must(store->get(kObject)).has_value());

  it.db->card_store("card");
  const auto again = it.db->card_store("card");
  CHECK(must(again->get(kKey)) == Bytes{});
  CHECK(must(again->list(RecordSpace::object)) == std::vector<std::uint32_t>{3});
}

TEST_CASE("one session of a card sees at once what another committed, and generations grow") {
  Furnished it;
  const auto one = it.db->card_store("card");
  const auto other = it.db->card_store("card");
  const auto before = must(one->generation());
  CHECK_FALSE(must(other->get(kObject)).has_value());
  must(put(*one, kObject, Bytes{7}));
  CHECK(must(other->get(kObject)) == Bytes{7});
  CHECK(must(other->generation()) == before + 1);
  must(one->commit({}));
  CHECK(must(other->generation()) == before + 2);
}

TEST_CASE("cards do not see each other's records") {
  Furnished it;
  must(it.db->add(a_card("card-2", 2)));
  must(put(*it.db->card_store("card"), kObject, Bytes{1}));
  CHECK_FALSE(must(it.db->card_store("card-2")->get(kObject)).has_value());
  CHECK(must(it.db->card_store("card-2")->generation()) == 1);
}

TEST_CASE("records and generation are on disk after a commit") {
  Furnished it;
  must(put(*it.db->card_store("card"), kObject, Bytes(5000, 0x5A)));
  const auto generation = must(it.db->card_store("card")->generation());
  it.reopen();
  CHECK(must(it.db->card_store("card")->get(kObject)) == Bytes(5000, 0x5A));
  CHECK(must(it.db->card_store("card")->generation()) == generation);
}

TEST_CASE("a store of a card that is not there says so, and works once it is") {
  Furnished it;
  const auto store = it.db->card_store("later");
  CHECK_FAILS(store->generation(), Errc::not_found, "there is no card later");
  CHECK_FAILS(put(*store, kObject, Bytes{1}), Errc::not_found, "there is no card later");
  must(it.db->add(a_card("later", 8)));
  must(put(*store, kObject, Bytes{1}));
  CHECK(must(store->get(kObject)) == Bytes{1});
}

TEST_CASE("readers never go back: what was read once is never older later, and pairs stay together") {
  Furnished it;
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        // A store of its own each time: loads from the database race with publications.
        const auto store = it.db->card_store("card");
        const auto value = must(store->get(kObject));
        const auto now = value ? read_be(*value) : 0;
        const auto pair = must(store->get(kKey));
        if (now < last || (pair ? read_be(*pair) : 0) < now) ++torn;
        last = now;
      }
    });
  }
  for (std::uint64_t i = 1; i <= 200; ++i) {
    Bytes value;
    append_be64(value, i);
    const std::vector<Change> both{{kObject, value}, {kKey, value}};
    must(it.db->card_store("card")->commit(both));
    CHECK(must(it.db->card_store("card")->get(kObject)) == value);
  }
  stop = true;
  for (auto& reader : readers)
    reader.join();
  CHECK(torn == 0);
}

}  // namespace cardea::store::test

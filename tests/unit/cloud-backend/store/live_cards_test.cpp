#include "live_cards.h"

#include "fixture.h"

namespace cardea::store::test {

namespace {

using card::Change;
using card::RecordId;
using card::RecordSpace;

constexpr RecordId kObject{RecordSpace::object, 1};

/// A database that counts how often it is asked.
struct Source {
  Snapshot content{5, {{kObject, Bytes{5}}}};
  int loads = 0;
  LiveCard::Load load = [this]() -> Result<Snapshot> {
    ++loads;
    return content;
  };
};

}  // namespace

TEST_CASE("a card is loaded once, however often it is read") {
  LiveCards cards;
  Source source;
  const auto live = cards.open("card");
  CHECK(must(live->generation(source.load)) == 5);
  CHECK(must(live->get(kObject, source.load)) == Bytes{5});
  CHECK(must(live->list(RecordSpace::object, source.load)).size() == 1);
  CHECK(must(cards.open("card")->generation(source.load)) == 5);
  CHECK(source.loads == 1);
}

TEST_CASE("a publication older than what was loaded is dropped, a newer one applied") {
  LiveCards cards;
  Source source;
  const auto live = cards.open("card");
  const std::vector<Change> change{{kObject, Bytes{6}}, {{RecordSpace::key, 7}, Bytes{7}}};
  cards.publish("card", 6, change);  // nothing is known yet: the load will see it
  CHECK(must(live->generation(source.load)) == 5);
  cards.publish("card", 5, change);
  CHECK(must(live->get(kObject, source.load)) == Bytes{5});
  cards.publish("card", 6, change);
  CHECK(must(live->get(kObject, source.load)) == Bytes{6});
  CHECK(must(live->generation(source.load)) == 6);
  const std::vector<Change> erase{{kObject, std::nullopt}};
  cards.publish("card", 7, erase);
  CHECK_FALSE(must(live->get(kObject, source.load)).has_value());
  CHECK(source.loads == 1);
}

TEST_CASE("a forgotten card is asked for again, a closed one is not kept") {
  LiveCards cards;
  Source source;
  {
    const auto live = cards.open("card");
    CHECK(must(live->generation(source.load)) == 5);
    cards.forget("card");
    source.content.generation = 1;
    CHECK(must(live->generation(source.load)) == 1);
    CHECK(cards.size() == 1);
  }
  CHECK(cards.size() == 0);
  cards.publish("card", 9, {});
  cards.forget("card");
}

TEST_CASE("without room in memory records are read each time, and are right") {
  std::atomic<std::size_t> in_use = LiveCards::kBudget;
  {
    LiveCard live{in_use};
    Source source;
    CHECK(must(live.generation(source.load)) == 5);
    CHECK(must(live.get(kObject, source.load)) == Bytes{5});
    source.content = {6, {{kObject, Bytes{6}}}};
    const Change change{kObject, Bytes{6}};
    live.publish(6, std::span{&change, 1});
    CHECK(must(live.generation(source.load)) == 6);
    CHECK(must(live.get(kObject, source.load)) == Bytes{6});
    CHECK(source.loads == 3);
  }
  CHECK(in_use == LiveCards::kBudget);
}

TEST_CASE("memory is given back when the last session of a card ends") {
  std::atomic<std::size_t> in_use = 0;
  {
    LiveCard live{in_use};
    Source source;
    must(live.generation(source.load));
    const auto one = in_use.load();
    CHECK(one > 0);
    const std::vector<Change> more{{{RecordSpace::object, 2}, Bytes(1000, 1)}, {kObject, Bytes(10, 1)}};
    live.publish(6, more);
    CHECK(in_use > one + 1000);
  }
  CHECK(in_use == 0);
}

}  // namespace cardea::store::test

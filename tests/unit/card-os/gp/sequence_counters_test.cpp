#include "cardea/card/gp/sequence_counters.h"

#include <doctest/doctest.h>

#include "cardea/test/memory_store.h"
#include "cardea/test/print.h"

using namespace cardea;
using card::gp::StoredSequenceCounters;

TEST_CASE("a counter starts at zero, advances by one, and is one of a key version") {
  test::Medium medium;
  test::MemoryStore store{medium};
  StoredSequenceCounters counters{store};
  CHECK(counters.current(1).value() == 0);
  CHECK(counters.advance(1, 0).has_value());
  CHECK(counters.advance(1, 1).has_value());
  CHECK(counters.current(1).value() == 2);
  CHECK(counters.current(2).value() == 0);
}

TEST_CASE("whoever comes second with the same number is refused, and a failed write counts nothing") {
  test::Medium medium;
  test::MemoryStore store{medium};
  StoredSequenceCounters one{store}, other{store};
  CHECK(one.advance(1, 0).has_value());
  CHECK(other.advance(1, 0).error().code == Errc::conflict);
  medium.fail_after(1);
  CHECK(one.advance(1, 1).error().code == Errc::unavailable);
  CHECK(one.current(1).value() == 1);
}

TEST_CASE("of two sessions that advance at the same instant, one wins") {
  // What the other session does stands between the look at the counter and the write.
  class Rivalled final : public card::Store {
   public:
    explicit Rivalled(card::Store& real) : real_{real} {}
    Result<std::optional<Bytes>> get(card::RecordId id) override {
      auto value = real_.get(id);
      if (rival) {
        rival = false;
        REQUIRE(StoredSequenceCounters{real_}.advance(1, 0).has_value());
      }
      return value;
    }
    Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override { return real_.list(space); }
    Result<void> commit_if(std::span<const card::Condition> conditions,
                           std::span<const card::Change> changes) override {
      return real_.commit_if(conditions, changes);
    }
    Result<std::uint64_t> generation() override { return real_.generation(); }
    bool rival = true;

   private:
    card::Store& real_;
  };
  test::Medium medium;
  test::MemoryStore memory{medium};
  Rivalled store{memory};
  StoredSequenceCounters counters{store};
  CHECK(counters.advance(1, 0).error().code == Errc::conflict);
  CHECK(counters.current(1).value() == 1);
  CHECK(counters.advance(1, 1).has_value());
}

TEST_CASE("a damaged record is corrupt, not a counter") {
  test::Medium medium;
  test::MemoryStore store{medium};
  StoredSequenceCounters counters{store};
  for (const auto& octets : {Bytes{}, Bytes{2, 0, 0, 0, 1}, Bytes{1, 0, 0, 1}, Bytes{1, 0, 0, 0, 1, 0}}) {
    const card::Change change{StoredSequenceCounters::record(1), octets};
    REQUIRE(store.commit({&change, 1}).has_value());
    CHECK(counters.current(1).error().code == Errc::corrupt);
    CHECK(counters.advance(1, 1).error().code == Errc::corrupt);
  }
}

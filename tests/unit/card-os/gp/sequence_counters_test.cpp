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

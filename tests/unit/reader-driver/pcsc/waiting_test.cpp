#include "manager_bench.h"

#include <future>
#include <vector>

namespace cardea::test {

TEST_CASE("Waiting for a change: nothing that happened between two looks is missed [A2]") {
  const Bench bench;
  const auto context = bench.context();
  ReaderList before;
  REQUIRE(context->readers(before) == code::kSuccess);
  ReaderList after;
  CHECK(context->wait(1, before.generation, 0, after) == code::kTimeout);
  CHECK(after == before);
  CHECK(context->wait(1, before.generation, 10, after) == code::kTimeout);
  bench.manager->remove(bench.card);
  CHECK(context->wait(1, before.generation, kInfinite, after) == code::kSuccess);
  CHECK(after.readers[0].state == reader_state::kAbsent);
  auto outcome =
      std::async(std::launch::async, [&] { return context->wait(1, after.generation, kInfinite, before); });
  (void)bench.manager->insert(bench.card);
  CHECK(outcome.get() == code::kSuccess);
  CHECK(before.readers[0].events == 3);
}

TEST_CASE("A cancel ends the call that it names, early and late [A2]") {
  const Bench bench;
  const auto context = bench.context();
  ReaderList list;
  REQUIRE(context->readers(list) == code::kSuccess);
  const auto seen = list.generation;
  context->cancel(7);
  CHECK(context->wait(7, seen, kInfinite, list) == code::kCancelled);
  CHECK(context->wait(8, seen, 5, list) == code::kTimeout);
  auto outcome = std::async(std::launch::async, [&] { return context->wait(9, seen, kInfinite, list); });
  context->cancel(9);
  CHECK(outcome.get() == code::kCancelled);
}

TEST_CASE("When the manager closes, every call says so, those that wait included [A2]") {
  Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto third = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  ReaderList list;
  REQUIRE(third->readers(list) == code::kSuccess);
  auto begun = std::async(std::launch::async, [&] { return other->begin(theirs); });
  auto waited =
      std::async(std::launch::async, [&] { return third->wait(1, list.generation, kInfinite, list); });
  bench.manager.reset();
  CHECK(begun.get() == code::kNoService);
  CHECK(waited.get() == code::kNoService);
  CHECK(owner->readers(list) == code::kNoService);
  CHECK(Bench::transmit(*owner, mine) == code::kNoService);
  CHECK(owner->disconnect(mine, disposition::kLeave) == code::kNoService);
}

TEST_CASE("An interrupted context waits for nothing any more [A2]") {
  const Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  auto begun = std::async(std::launch::async, [&] { return other->begin(theirs); });
  other->interrupt();
  CHECK(begun.get() == code::kNoService);
  CHECK(owner->end(mine, disposition::kLeave) == code::kSuccess);
}

}  // namespace cardea::test

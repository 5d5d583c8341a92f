#include "cardea/result.h"

#include <memory>

#include "cardea/test/print.h"

namespace cardea {

namespace {

Result<int> good(int& calls) {
  ++calls;
  return 7;
}
Result<int> bad(int& calls) {
  ++calls;
  return fail(Errc::denied, "no");
}
Result<void> done() {
  return {};
}
Result<void> not_done() {
  return fail(Errc::exhausted, "full");
}

}  // namespace

TEST_CASE("CARDEA_TRY: binds the value of one call, or returns its error and runs nothing after it") {
  int calls = 0;
  int after = 0;
  const auto through = [&](bool fails) -> Result<int> {
    CARDEA_TRY(const auto value, fails ? bad(calls) : good(calls));
    ++after;
    return value + 1;
  };
  CHECK(through(false) == 8);
  CHECK(calls == 1);
  CHECK(through(true).error() == Error{Errc::denied, "no"});
  CHECK(calls == 2);
  CHECK(after == 1);
}

TEST_CASE("CARDEA_TRY: two in one scope, commas in the expression, values that only move") {
  const auto both = []() -> Result<int> {
    int calls = 0;
    CARDEA_TRY(const int a, good(calls));
    CARDEA_TRY(const int b, good(calls));
    CARDEA_TRY(const auto pointer, Result<std::unique_ptr<int>>{std::make_unique<int>(a + b)});
    CARDEA_TRY(const auto pair, Result<std::pair<int, int>>{std::pair<int, int>{*pointer, calls}});
    return pair.first + pair.second;
  };
  CHECK(both() == 16);
}

TEST_CASE("CARDEA_CHECK: passes success, returns failure, and is one statement") {
  const auto run = [](bool fails) -> Result<int> {
    if (fails)
      CARDEA_CHECK(not_done());
    else
      CARDEA_CHECK(done());
    return 1;
  };
  CHECK(run(false) == 1);
  CHECK(run(true).error().code == Errc::exhausted);
}

TEST_CASE("the macros pass on any error type, status words too") {
  using apdu::StatusWord;
  const auto inner = []() -> tl::expected<int, StatusWord> { return tl::unexpected{apdu::sw::kNotFound}; };
  const auto outer = [&]() -> tl::expected<void, StatusWord> {
    CARDEA_TRY([[maybe_unused]] const int value, inner());
    return {};
  };
  CHECK(outer().error() == apdu::sw::kNotFound);
}

}  // namespace cardea

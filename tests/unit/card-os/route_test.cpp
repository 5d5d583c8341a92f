#include "engine/route.h"

#include <doctest/doctest.h>

#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::card;

namespace {

struct Toy {
  bool open = false;
  std::string ran;

  CardResult<void> allows(Access access) const {
    if (access == Access::always || open) return {};
    return refuse(sw::kSecurityNotSatisfied);
  }
  CardResult<Reply> first(const Command&) {
    ran = "first";
    return Reply{{0x01}};
  }
  CardResult<Reply> second(const Command&) {
    ran = "second";
    return refuse(sw::kWrongData);
  }
};

constexpr Match kOdd{[](std::uint8_t p) { return p % 2 == 1; }};
constexpr Route<Toy> kTable[] = {
    {0x20, Match{0x00}, Match{0x80}, Body::absent, Access::always, Effect::pure, &Toy::first, "STATUS", ""},
    {0x20, Match{0x00}, Match{0x80}, Body::present, Access::always, Effect::effectful, &Toy::second, "TRY",
     ""},
    {0xDB, kOdd, kAny, Body::any, Access::administrator, Effect::effectful, &Toy::first, "WRITE", ""},
};
constexpr Route<Toy> kMore[] = {
    {0xFD, Match{0x00}, Match{0x00}, Body::any, Access::always, Effect::pure, &Toy::first, "VERSION", ""},
};

Step run(Toy& toy, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data = {}) {
  return dispatch<Toy>(toy, {kTable, kMore},
                       Command{0x00, ins, p1, p2, std::move(data), std::nullopt, false});
}

}  // namespace

TEST_CASE("an instruction that no table has is 6D00, has no name and no effect") {
  Toy toy;
  const auto step = run(toy, 0x21, 0, 0);
  REQUIRE_FALSE(step.result);
  CHECK(step.result.error() == sw::kInsNotSupported);
  CHECK(step.command.empty());
  CHECK(step.effect == Effect::pure);
}

TEST_CASE("P1-P2 are looked at before access: 6A86 wins over 6982") {
  Toy toy;
  CHECK(run(toy, 0xDB, 2, 0).result.error() == sw::kWrongP1P2);
  CHECK(run(toy, 0xDB, 1, 0).result.error() == sw::kSecurityNotSatisfied);
  CHECK(toy.ran.empty());
  toy.open = true;
  CHECK(run(toy, 0xDB, 1, 0xEE).result.has_value());
  CHECK(toy.ran == "first");
}

TEST_CASE("a data field chooses between two routes, and with them the effect") {
  Toy toy;
  const auto status = run(toy, 0x20, 0x00, 0x80);
  CHECK(status.result.has_value());
  CHECK(status.effect == Effect::pure);
  CHECK(status.command == "STATUS");
  const auto attempt = run(toy, 0x20, 0x00, 0x80, {0x01});
  CHECK(attempt.result.error() == sw::kWrongData);
  CHECK(attempt.effect == Effect::effectful);
  CHECK(attempt.command == "TRY");
}

TEST_CASE("later tables are searched too") {
  Toy toy;
  CHECK(run(toy, 0xFD, 0, 0).result.has_value());
  CHECK(run(toy, 0xFD, 1, 0).result.error() == sw::kWrongP1P2);
}

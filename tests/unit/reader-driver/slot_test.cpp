#include <doctest/doctest.h>

#include "cardea/slot/access.h"
#include "cardea/slot/slot.h"
#include "reader.h"

using cardea::slot::Slot;
using cardea::slot::State;
using namespace std::chrono_literals;

namespace {
constexpr uid_t kAlice = 1000;
constexpr uid_t kMallory = 1001;
const Slot::Time kStart{};
}  // namespace

TEST_CASE("absent, present, powered, lost, and absent again once somebody has looked") {
  Slot slot;
  CHECK(slot.state() == State::absent);
  CHECK(!slot.power_on());
  REQUIRE(!slot.insert(kAlice, kStart));
  CHECK(slot.state() == State::present);
  slot.looked();
  CHECK(slot.state() == State::present);
  CHECK(slot.power_on());
  CHECK(slot.state() == State::powered);
  slot.power_off();
  CHECK(slot.state() == State::present);
  slot.remove(kStart);
  CHECK(slot.state() == State::lost);
  CHECK(!slot.occupied());
  CHECK(!slot.power_on());
  slot.power_off();
  CHECK(slot.state() == State::lost);
  slot.looked();
  CHECK(slot.state() == State::absent);
}

TEST_CASE("a card does not come back before its removal was seen") {
  Slot slot;
  REQUIRE(!slot.insert(kAlice, kStart));
  slot.remove(kStart);
  CHECK(slot.insert(kAlice, kStart));
  slot.looked();
  CHECK(!slot.insert(kAlice, kStart));
}

TEST_CASE("removing from an empty slot does nothing") {
  Slot slot;
  slot.remove(kStart);
  CHECK(slot.state() == State::absent);
}

TEST_CASE("nobody takes an occupied slot, whoever asks") {
  Slot slot;
  REQUIRE(!slot.insert(kAlice, kStart));
  for (const uid_t user : {kAlice, kMallory, uid_t{0}})
    CHECK(slot.insert(user, kStart + 1h));
}

TEST_CASE("a slot stays its user's for the grace time after the card went") {
  Slot slot;
  REQUIRE(!slot.insert(kAlice, kStart));
  slot.remove(kStart);
  slot.looked();
  CHECK(slot.insert(kMallory, kStart + Slot::kGrace - 1ns));
  CHECK(slot.state() == State::absent);
  SUBCASE("but not longer") {
    CHECK(!slot.insert(kMallory, kStart + Slot::kGrace));
  }
  SUBCASE("for root too") {
    CHECK(slot.insert(0, kStart + Slot::kGrace - 1ns));
    CHECK(!slot.insert(0, kStart + Slot::kGrace));
  }
  SUBCASE("the user comes back at any time") {
    CHECK(!slot.insert(kAlice, kStart + 1s));
  }
}

TEST_CASE("root, the reader's own user and the group may use a reader") {
  using cardea::slot::may_use;
  constexpr gid_t kGroup = 70;
  CHECK(may_use({0, {0}}, kAlice, std::nullopt));
  CHECK(may_use({kAlice, {100}}, kAlice, std::nullopt));
  CHECK(may_use({kMallory, {100, kGroup}}, kAlice, kGroup));
  CHECK(!may_use({kMallory, {100}}, kAlice, kGroup));
  CHECK(!may_use({kMallory, {100, kGroup}}, kAlice, std::nullopt));
  CHECK(!may_use({kMallory, {}}, 0, kGroup));
}

TEST_CASE("groups are found by name") {
  CHECK(cardea::slot::group_id("root") == gid_t{0});
  CHECK(!cardea::slot::group_id("no-such-group"));
}

TEST_CASE("DEVICENAME: path, slots, and what is wrong with others") {
  using cardea::ifd::parse_device_name;
  const auto fallback = parse_device_name("");
  REQUIRE(fallback);
  CHECK(fallback->path == "/run/cardea/ifd.sock");
  CHECK(fallback->slots == 1);
  const auto four = parse_device_name("unix:/tmp/a.sock:4");
  REQUIRE(four);
  CHECK(four->path == "/tmp/a.sock");
  CHECK(four->slots == 4);
  for (const auto* text :
       {"/tmp/a.sock", "unix:", "unix:a.sock", "unix:/a:0", "unix:/a:17", "unix:/a:x", "unix:/a:"}) {
    CAPTURE(text);
    CHECK(!parse_device_name(text));
  }
}

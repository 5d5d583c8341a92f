#include <doctest/doctest.h>

#include "cardea/apdu/atr.h"
#include "conversation.h"
#include "piv/key_record.h"

using namespace cardea;
using test::World;

TEST_CASE("profiles: names, ATRs that parse, the Yubico one with its name in it") {
  REQUIRE(card::profiles().size() == 2);
  const auto* const nist = card::find_profile("piv-nist");
  const auto* const yubikey = card::find_profile("piv-yubikey5");
  REQUIRE(nist != nullptr);
  REQUIRE(yubikey != nullptr);
  CHECK(card::find_profile("piv") == nullptr);
  CHECK(card::find_profile("") == nullptr);
  CHECK(to_hex(nist->atr) == "3B888131FE450073C84013009000FB");
  CHECK(to_hex(yubikey->atr) == "3BFD1300008131FE158073C021C057597562694B657940");
  CHECK_FALSE(nist->yubico);
  CHECK(yubikey->yubico);
  for (const auto& profile : card::profiles()) {
    const auto atr = apdu::parse_atr(profile.atr);
    REQUIRE(atr);
    CHECK(atr->protocols() == std::vector<std::uint8_t>{1});
  }
}

TEST_CASE("a new card has PIN, PUK, management key and discovery object, and nothing else") {
  World world{1};
  REQUIRE(card::make_factory_card(*card::find_profile("piv-nist"), {7}, world.ports()));
  const auto records = world.store.snapshot();
  REQUIRE(records.size() == 3);
  CHECK(to_hex(records.at({card::RecordSpace::card, 0})) == "01000000070000000000000000");
  CHECK(records.count({card::RecordSpace::object, 0x7E}) == 1);
  const auto key = card::piv::decode_key_record(records.at({card::RecordSpace::key, 0x9B}));
  REQUIRE(key);
  CHECK(key->factory_value);
  CHECK(key->handle.algorithm == card::Algorithm::tdes);
  CHECK(key->handle.slot.version == 1);
  for (const auto ref : {card::PinRef::application, card::PinRef::puk}) {
    const auto status = world.pins.status(ref);
    REQUIRE(status);
    CHECK(status->tries_left == 3);
    CHECK(status->tries_max == 3);
    CHECK(status->factory_value);
  }
}

TEST_CASE("a card is made once: conflict") {
  World world{1};
  const auto& profile = *card::find_profile("piv-nist");
  REQUIRE(card::make_factory_card(profile, {7}, world.ports()));
  const auto again = card::make_factory_card(profile, {8}, world.ports());
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::conflict);
}

TEST_CASE("a card whose making was interrupted anywhere can be made again") {
  for (unsigned step = 1; step <= 2; ++step) {
    CAPTURE(step);
    World world{1};
    const auto& profile = *card::find_profile("piv-nist");
    world.medium.fail_after(step, test::Failure::crashed);
    CHECK_FALSE(card::make_factory_card(profile, {7}, world.ports()));
    world.medium.revive();
    CHECK(card::make_factory_card(profile, {7}, world.ports()));
  }
}

#include "issuing_office.h"

#include <array>

#include "cardea/card/gp/channel_records.h"
#include "first_write.h"

using namespace cardea;
using namespace cardea::test;
using namespace std::chrono_literals;
using store::Issuance;

TEST_CASE("issuing: a blank card is asked for by registrars only, once for a request [D1]") {
  Office f;
  const auto card = f.blank("a");
  CHECK(card.issuance == Issuance::blank);
  CHECK(card.state == store::CardState::active);
  CHECK_FALSE(card.holder);
  CHECK(f.blank("a").id == card.id);
  CHECK(f.blank("b").id != card.id);
  CHECK(f.blank("a", "ra2").id != card.id);  // another device's "a" is another request
  CHECK(f.refused("a", "anns") == Error{Errc::denied, "only a registrar's workstation issues cards"});
  CHECK(f.refused("").code == Errc::invalid);
  CHECK(f.refused(std::string(65, 'a')).code == Errc::invalid);
  CHECK(f.refused("a\nb").code == Errc::invalid);
  CHECK(f.issuing.blank(f.caller("ra"), {"a", "piv-yubikey5", ""}).error() ==
        Error{Errc::conflict, "the request a was for a card of the profile piv-nist: make another request"});
  CHECK(f.issuing.blank(f.caller("ra"), {"z", "nix", ""}).error().code == Errc::invalid);
  CHECK(f.issuing.blank(f.caller("ra"), {"z", "piv-nist", std::string(201, 'a')}).error().code ==
        Errc::invalid);
}

TEST_CASE("issuing: a request keeps its card whatever becomes of it, and may be made again when it is gone") {
  Office f;
  const auto card = f.written("a", kAda);
  CHECK(f.blank("a").issuance == Issuance::issuing);
  REQUIRE(f.finish(card.id).missing.empty());
  CHECK(f.blank("a").issuance == Issuance::issued);
  REQUIRE(f.cards.remove(card.id, "administrator"));
  CHECK(f.blank("a").issuance == Issuance::blank);
}

TEST_CASE("issuing: no more blank cards than the organisation may have; unwritten ones are used first") {
  Office f{{2, 24h}};
  const auto first = f.blank("a");
  const auto second = f.blank("b");
  CHECK(f.refused("c").code == Errc::exhausted);  // both were handed out just now
  CHECK(f.blank("b").id == second.id);
  f.clock.advance(2min);
  const auto reused = f.issuing.blank(f.caller("ra2"), {"c", "piv-nist", "again"}).value();
  CHECK(reused.id == first.id);
  CHECK(reused.label == "again");
  CHECK(f.actions(first.id).back() == "card.reuse");
  // Whoever had it is told; the request "a" gets another one.
  CHECK(f.sessions.open(f.caller("ra"), first.id).error() ==
        Error{Errc::denied, "the blank card was handed to another workstation"});
  CHECK(f.blank("a").id == second.id);

  SUBCASE("one that somebody has in hand is not handed out again") {
    f.clock.advance(2min);
    const auto session = f.sessions.open(f.caller("ra2"), first.id).value();
    CHECK(f.blank("d").id == second.id);
    CHECK(f.refused("e").code == Errc::exhausted);
    REQUIRE(f.sessions.close(session.id, session.token));
    CHECK(f.blank("e").id == first.id);
  }
  SUBCASE("nor one whose PIN was tried") {
    CHECK(f.talk(second.id, {"00 20 00 80 08 393939393939FFFF"}) == Texts{"63C2"});
    CHECK(f.issuance(second.id) == Issuance::blank);
    f.clock.advance(2min);
    CHECK(f.blank("d").id == first.id);
    CHECK(f.refused("e").code == Errc::exhausted);
  }
  SUBCASE("nor one of another profile") {
    f.clock.advance(2min);
    CHECK(f.issuing.blank(f.caller("ra"), {"y", "piv-yubikey5", ""}).error().code == Errc::exhausted);
  }
  SUBCASE("nor one that was written to, which is no blank card any more") {
    CHECK(f.talk(second.id, {kPin}) == Texts{"9000"});
    f.clock.advance(2min);
    CHECK(f.blank("d").id == first.id);
    const auto third = f.blank("e");
    CHECK(third.id != second.id);
    CHECK(third.id != first.id);
  }
}

TEST_CASE("issuing: unwritten cards are removed when their time is over, half-issued ones are not") {
  Office f{{20, 1h}};
  const auto unwritten = f.blank("a");
  const auto open = f.blank("b");
  const auto half = f.blank("c");
  CHECK(f.talk(half.id, {kPin}) == Texts{"9000"});
  const auto session = f.sessions.open(f.caller("ra"), open.id).value();
  f.clock.advance(59min);
  CHECK(f.issuing.sweep() == 0);
  f.clock.advance(1min);
  CHECK(f.issuing.sweep() == 1);
  CHECK(f.database->card(unwritten.id).error().code == Errc::not_found);
  CHECK(f.issuance(open.id) == Issuance::blank);
  CHECK(f.issuance(half.id) == Issuance::issuing);
}

TEST_CASE("issuing: the first write counts, and what only reads does not [A2]") {
  Office f;
  const auto read = f.blank("read");
  CHECK(f.talk(read.id, {"00 A4 04 00 09 A00000030800001000 00", "00 20 00 80", "00 CB 3F FF 03 5C 01 7E 00",
                         "00 20 00 80 08 313233343536FFFF"})
            .back() == "9000");
  CHECK(f.issuance(read.id) == Issuance::blank);

  const auto pin = f.blank("pin");
  CHECK(f.talk(pin.id, {kPin}) == Texts{"9000"});
  CHECK(f.issuance(pin.id) == Issuance::issuing);
  CHECK(f.actions(pin.id)[f.actions(pin.id).size() - 2] == "card.issuing");
  CHECK(f.actions(pin.id).back() == "pin.replace");

  const auto wrong = f.blank("wrong");  // the old PIN is not this one: nothing is written
  CHECK(f.talk(wrong.id, {"00 24 00 80 10 393939393939FFFF 373934363133FFFF"}) == Texts{"63C2"});
  CHECK(f.issuance(wrong.id) == Issuance::blank);

  const auto key = f.blank("key");
  f.generate(key.id, "9A");
  CHECK(f.issuance(key.id) == Issuance::issuing);
}

TEST_CASE("issuing: a channel into the card that is opened is no write [A6]") {
  Office f;
  const auto row = f.blank("a");
  service::FirstWrite first{f.world, row, "ra"};
  service::WatchedStore store{f.database->card_store(row.id), first};
  card::gp::StoredSequenceCounters counters{store};
  REQUIRE(counters.advance(0x30, 0));
  CHECK(f.must(counters.current(0x30)) == 1);
  CHECK(f.issuance(row.id) == Issuance::blank);
  const std::array changes{
      card::Change{card::gp::StoredSequenceCounters::record(0x30), std::nullopt},
      card::Change{{card::RecordSpace::object, 0x5FC102}, Bytes{1}},
  };
  REQUIRE(store.commit(changes));
  CHECK(f.issuance(row.id) == Issuance::issuing);
}

TEST_CASE("issuing: what a workstation writes late to a card that another one has is refused [D1]") {
  Office f;
  const auto card = f.blank("a");
  const auto session = f.must(f.sessions.open(f.caller("ra"), card.id));
  // Handed out while the session stands, before it is ended.
  f.must(f.database->hand_out(card.id, card.asked, {"ra2", "b", f.clock.now()}, "other"));
  CHECK(f.ask(session, 1, kPin) == "6F00");
  CHECK(f.issuance(card.id) == Issuance::blank);
  CHECK(f.actions(card.id).back() == "card.issuing failed");
  CHECK(f.must(f.database->pin_records(card.id)->status(card::PinRef::application)).factory_value);
}

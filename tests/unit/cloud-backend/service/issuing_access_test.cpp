#include "issuing_office.h"

#include "cardea/service/directory.h"

using namespace cardea;
using namespace cardea::test;
using namespace std::chrono_literals;
using store::Issuance;

TEST_CASE("issuing: before it is in use, a card is the registration authority's [D1]") {
  Office f;
  const auto card = f.written("a", kAda);
  const auto opens = [&](const char* device) {
    const auto opened = f.sessions.open(f.caller(device), card.id);
    return opened ? std::string{"opened"} : opened.error().what;
  };
  CHECK(opens("ra") == "opened");
  CHECK(opens("ra2") == "opened");  // half-issued ones are resumed by whoever is there
  CHECK(opens("foreign") == "there is no such card for this device");
  CHECK(opens("anns") == "there is no such card for this device");
  REQUIRE(f.cards.assign(card.id, "ann", "administrator"));
  CHECK(opens("anns") == "the card is being issued");
  CHECK(f.cards.activate(card.id, "administrator").error().code == Errc::conflict);

  REQUIRE(f.finish(card.id).missing.empty());
  CHECK(opens("ra") == "opened");
  CHECK(opens("bobs") == "there is no such card for this device");
  CHECK(f.issuance(card.id) == Issuance::issued);
  SUBCASE("a device of its holder that was enrolled before opens it") {
    CHECK(opens("anns") == "opened");
    CHECK(f.issuance(card.id) == Issuance::none);
    CHECK(f.actions(card.id).back() == "card.enrolled");
    const auto lines = f.actions(card.id).size();
    CHECK(opens("anns") == "opened");
    CHECK(f.actions(card.id).size() == lines);  // once
  }
  SUBCASE("what is refused does not take it into use") {
    REQUIRE(f.cards.block(card.id, "administrator"));
    CHECK(opens("anns") == "the card is blocked");
    CHECK(f.issuance(card.id) == Issuance::issued);
    REQUIRE(f.cards.unblock(card.id, "administrator"));
    const auto caller = f.caller("anns");
    f.must(f.database->revoke_device("anns", f.clock.now()));
    f.devices.revoked("anns");
    CHECK_FALSE(f.sessions.open(caller, card.id));
    CHECK(f.issuance(card.id) == Issuance::issued);
  }
  SUBCASE("a registrar's device of the holder does not take it into use") {
    f.add_device("anns-desk", "org", "ann", store::DeviceRole::registrar);
    CHECK(opens("anns-desk") == "opened");
    CHECK(f.issuance(card.id) == Issuance::issued);
  }
  SUBCASE("an administrator activates it") {
    REQUIRE(f.cards.activate(card.id, "administrator"));
    CHECK(opens("anns") == "opened");
    CHECK(f.issuance(card.id) == Issuance::none);
  }
  SUBCASE("a device of its holder is enrolled") {
    identity::Enrolment enrolment{*f.database, f.clock};
    service::Directory directory{f.world, f.sessions, enrolment};
    const auto enrol = [&](std::optional<std::string> person, store::DeviceRole role) {
      const auto code = directory.new_code({"org", std::move(person), role, 15min}, "administrator").value();
      const auto key = api::generate_signing_key();
      const auto seconds = std::chrono::floor<std::chrono::seconds>(f.clock.now()).time_since_epoch();
      const auto proof =
          api::make_dpop_proof(key, "POST", "https://server.example/v1/enrolments", code.code, seconds);
      const auto proven =
          directory.prove({code.code, key.public_key, proof, {"POST", "/v1/enrolments", "server.example"}});
      REQUIRE(directory.enrol(proven.value(), "pc"));
    };
    enrol("bob", store::DeviceRole::user);
    enrol("ann", store::DeviceRole::registrar);
    CHECK(f.issuance(card.id) == Issuance::issued);
    enrol("ann", store::DeviceRole::user);
    CHECK(f.issuance(card.id) == Issuance::none);
    CHECK(f.actions(card.id).back() == "card.enrolled");
    CHECK(opens("anns") == "opened");
  }
}

TEST_CASE("issuing: a card that is not being issued is not finished, nor given up by a registrar") {
  Office f;
  const auto plain = f.issue("ann");
  CHECK(f.issuing.finish(f.caller("ra"), plain.id).error() ==
        Error{Errc::conflict, "the card is not one that is being issued"});
  CHECK(f.issuing.discard(f.caller("ra"), plain.id).error() ==
        Error{Errc::denied, "only an administrator deletes a card that is issued"});
  const auto blank = f.blank("a");
  CHECK(f.issuing.finish(f.caller("anns"), blank.id).error().code == Errc::denied);
  CHECK(f.issuing.look(f.caller("anns"), blank.id).error().code == Errc::denied);
  CHECK(f.issuing.unfinished(f.caller("anns")).error().code == Errc::denied);
  CHECK(f.issuing.finish(f.caller("foreign"), blank.id).error().code == Errc::not_found);
  CHECK(f.issuing.discard(f.caller("foreign"), blank.id).error().code == Errc::not_found);
  CHECK(f.issuing.discard(f.caller("anns"), blank.id).error().code == Errc::denied);
  const auto half = f.written("b", kAda);
  REQUIRE(f.cards.block(half.id, "administrator"));
  CHECK(f.issuing.finish(f.caller("ra"), half.id).error() == Error{Errc::denied, "the card is blocked"});
  REQUIRE(f.cards.unblock(half.id, "administrator"));
  const auto unfinished = f.issuing.unfinished(f.caller("ra2")).value();
  REQUIRE(unfinished.size() == 2);
  CHECK(unfinished[0].card.row.id == half.id);
  CHECK(unfinished[1].card.row.id == blank.id);
  REQUIRE(f.issuing.discard(f.caller("ra2"), half.id));
  REQUIRE(f.issuing.discard(f.caller("ra"), blank.id));
  CHECK(f.issuing.unfinished(f.caller("ra")).value().empty());
}

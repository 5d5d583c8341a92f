#include "issuing_office.h"

#include "cardea/service/card_keys.h"
#include "cardea/service/directory.h"

using namespace cardea;
using namespace cardea::test;
using namespace std::chrono_literals;
using store::Issuance;

TEST_CASE("issuing: what is missing is said, and nothing is finished before it is there [D1]") {
  Office f;
  const auto card = f.blank("a");
  auto view = f.finish(card.id);
  CHECK(view.missing == Texts{"a certificate in 9A, 9C or 9D that names the holder",
                              "a PIN of its own: it is the factory's",
                              "a PUK of its own: it is the factory's"});
  CHECK(f.issuance(card.id) == Issuance::blank);
  CHECK(f.talk(card.id, {kPin}) == Texts{"9000"});
  const auto point = f.generate(card.id, "9A");
  f.put(card.id, 0x5FC105, piv_object(f.authority.issue(kAda)));
  view = f.finish(card.id);
  CHECK(view.missing == Texts{"a good certificate in 9A: it is not of the key in the slot",
                              "a certificate in 9A, 9C or 9D that names the holder",
                              "a PUK of its own: it is the factory's"});
  f.put(card.id, 0x5FC105, piv_object(f.authority.issue({{{"O", "Trust"}}, ""}, p256_spki(point))));
  CHECK(f.finish(card.id).missing.front() ==
        "one holder: no certificate on the card names its holder: their subjects have no common name");
  f.put(card.id, 0x5FC105, piv_object(f.authority.issue(kAda, p256_spki(point))));
  f.put(card.id, 0x5FC10A, piv_object(f.authority.issue(kAda, p256_spki(point))));
  CHECK(f.finish(card.id).missing == Texts{"a good certificate in 9C: there is no key in the slot",
                                           "a PUK of its own: it is the factory's"});
  f.put(card.id, 0x5FC10A, Bytes{0x70, 0x01, 0x30});
  CHECK(f.finish(card.id).missing.front() == "a good certificate in 9C: there is no key in the slot");
  const card::Change gone{{card::RecordSpace::object, 0x5FC10A}, std::nullopt};
  REQUIRE(f.database->card_store(card.id)->commit({&gone, 1}));
  CHECK(f.talk(card.id, {kPuk}) == Texts{"9000"});
  CHECK(f.issuance(card.id) == Issuance::issuing);
  view = f.finish(card.id);
  CHECK(view.missing.empty());
  CHECK(view.card.holder_name == "Ada Example");
  CHECK(f.issuance(card.id) == Issuance::issued);
}

TEST_CASE("issuing: what an organisation wants of a card is configured") {
  service::IssuingOptions options;
  options.required_slots = {"9A", "9D"};
  service::FactoryValues known;
  known.pin_organisations = {"org"};
  known.management_key_organisations = {"org"};
  Office f{options, known};
  const auto card = f.blank("a");
  f.certify(card.id, "9A", kAda);
  CHECK(f.finish(card.id).missing == Texts{"a certificate in 9D"});
  f.certify(card.id, "9D", kAda);
  CHECK(f.finish(card.id).missing.empty());
}

TEST_CASE("issuing: a card is not finished with the management key that everybody knows [D1]") {
  Office f{{}, {}};
  const auto card = f.must(f.issuing.blank(f.caller("ra"), {"a", "piv-yubikey5", ""}));
  CHECK(f.talk(card.id, {kPin, kPuk}) == Texts{"9000", "9000"});
  f.certify(card.id, "9A", kAda);
  const Texts missing{"a management key of its own: it is the factory's"};
  CHECK(f.finish(card.id).missing == missing);
  CHECK(f.issuance(card.id) == Issuance::issuing);
  CHECK(f.cards.activate(card.id, "administrator").error().code == Errc::conflict);

  const auto session = f.must(f.sessions.open(f.caller("ra"), card.id));
  f.authenticate(session);
  std::uint64_t sequence = 2;
  bool own = false;
  const auto set = [&](const std::string& key) { return f.ask(session, ++sequence, "00FFFFFF" + key); };
  SUBCASE("which is not its own because it was set again") {
    for (const char* const same : {"1B039B18", "1B0A9B18"}) {  // as triple DES, as AES-192
      CHECK(set(same + std::string{kKnown}) == "9000");
      CHECK(f.finish(card.id).missing == missing);
    }
  }
  SUBCASE("but with triple DES") {
    CHECK(set("1B039B18" + std::string(48, '7')) == "9000");
    own = true;
  }
  SUBCASE("but with AES-256") {
    CHECK(set("230C9B20" + std::string(64, '7')) == "9000");
    own = true;
  }
  SUBCASE("and what its administrator does to a card that is issued is left to them") {
    CHECK(set("1B0A9B18" + std::string(48, '7')) == "9000");
    REQUIRE(f.finish(card.id).missing.empty());
    CHECK(set("1B039B18" + std::string{kKnown}) == "9000");
    CHECK(f.ask(session, ++sequence, "00F7009B00") == "010103020200010501019000");
    CHECK(f.issuance(card.id) == Issuance::issued);
    own = true;
  }
  CHECK(f.finish(card.id).missing == (own ? Texts{} : missing));
  CHECK(f.issuance(card.id) == (own ? Issuance::issued : Issuance::issuing));
}

TEST_CASE("issuing: a PIN and a PUK are not the card's own because the factory's were set again [D1]") {
  Office f;
  for (const char* const profile : {"piv-nist", "piv-yubikey5"}) {
    const auto card = f.must(f.issuing.blank(f.caller("ra"), {profile, profile, ""}));
    CHECK(f.talk(card.id, {kPin, kPuk}) == Texts{"9000", "9000"});
    f.certify(card.id, "9A", kAda);
    CHECK(f.talk(card.id, {"00 24 00 80 10 373934363133FFFF 313233343536FFFF",
                           "00 24 00 81 10 3837363534333231 3132333435363738"}) == Texts{"9000", "9000"});
    CHECK(f.finish(card.id).missing ==
          Texts{"a PIN of its own: it is the factory's", "a PUK of its own: it is the factory's"});
    CHECK(f.issuance(card.id) == Issuance::issuing);
    CHECK(f.talk(card.id, {kPin, kPuk}) == Texts{"9000", "9000"});
    // Here the PUK gives the PIN that value.
    CHECK(f.talk(card.id, {"00 2C 00 80 10 3837363534333231 313233343536FFFF"}) == Texts{"9000"});
    CHECK(f.finish(card.id).missing == Texts{"a PIN of its own: it is the factory's"});
    CHECK(f.talk(card.id, {kPin}) == Texts{"9000"});
    CHECK(f.finish(card.id).missing.empty());
  }
}

TEST_CASE(
    "issuing: a card that was put back to factory values after it was issued is not taken into use [D1]") {
  Office f{{}, {}};
  const auto card = f.must(f.issuing.blank(f.caller("ra"), {"a", "piv-yubikey5", ""}));
  CHECK(f.talk(card.id, {kPin, kPuk}) == Texts{"9000", "9000"});
  f.certify(card.id, "9A", kAda);
  const auto administer = [&](const std::string& command) {
    const auto session = f.must(f.sessions.open(f.caller("ra"), card.id));
    f.authenticate(session);
    CHECK(f.ask(session, 3, command) == "9000");
    f.must(f.sessions.close(session.id, session.token));
  };
  administer("00FFFFFF1B0A9B18" + std::string(48, '7'));
  const auto issued = f.finish(card.id);
  REQUIRE(issued.missing.empty());
  const auto holder = issued.card.row.holder.value();
  f.add_device("hers", "org", holder, store::DeviceRole::user);

  Texts wrong{"9000"};
  std::string missing;
  SUBCASE("reset, with both blocked") {
    f.talk(card.id, Texts(3, "00 20 00 80 08 393939393939FFFF"));
    f.talk(card.id, Texts(3, "00 24 00 81 10 39393939393939393837363534333231"));
    CHECK(f.talk(card.id, {"00 FB 00 00"}) == wrong);
    missing =
        "a PIN of its own: it is the factory's; a PUK of its own: it is the factory's; a management key of "
        "its "
        "own: it is the factory's";
  }
  SUBCASE("the PIN alone") {
    CHECK(f.talk(card.id, {"00 24 00 80 10 373934363133FFFF 313233343536FFFF"}) == wrong);
    missing = "a PIN of its own: it is the factory's";
  }
  SUBCASE("the PUK alone") {
    CHECK(f.talk(card.id, {"00 24 00 81 10 3837363534333231 3132333435363738"}) == wrong);
    missing = "a PUK of its own: it is the factory's";
  }
  const Error incomplete{Errc::conflict,
                         "the card was put back to factory values after it was issued; missing: " + missing};
  CHECK(f.cards.activate(card.id, "administrator").error() == incomplete);
  CHECK(f.actions(card.id).back() == "card.activate failed");
  CHECK(f.sessions.open(f.caller("hers"), card.id).error() == incomplete);
  CHECK(f.actions(card.id).back() == "card.enrolled failed");
  // Whoever enrols another device can do so, and gets this card as little.
  identity::Enrolment enrolment{*f.database, f.clock};
  service::Directory directory{f.world, f.sessions, enrolment};
  const auto code =
      directory.new_code({"org", holder, store::DeviceRole::user, 15min}, "administrator").value();
  const auto key = api::generate_signing_key();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(f.clock.now()).time_since_epoch();
  const auto proof =
      api::make_dpop_proof(key, "POST", "https://server.example/v1/enrolments", code.code, seconds);
  const auto proven =
      directory.prove({code.code, key.public_key, proof, {"POST", "/v1/enrolments", "server.example"}});
  CHECK(directory.enrol(proven.value(), "pc"));
  CHECK(f.issuance(card.id) == Issuance::issued);

  // Where the organisation allows that, it is.
  f.factory_values.pins = true;
  f.factory_values.management_key = true;
  CHECK(f.sessions.open(f.caller("hers"), card.id));
  CHECK(f.issuance(card.id) == Issuance::none);
}

TEST_CASE("issuing: a card without a command for its management key says how else it gets one [D1]") {
  Office f{{}, {}};
  const auto key_of = [&](const std::string& card) { return f.finish(card).missing.back(); };
  CHECK(key_of(f.written("a", kAda).id) ==
        "a management key of its own: it is the factory's, and this card takes another one through a secure "
        "channel only, but was made without card keys");
  f.must(service::CardKeys{f.world}.create("org", {}, "administrator"));
  CHECK(key_of(f.written("b", kAda).id) ==
        "a management key of its own: it is the factory's, and this card takes another one through a secure "
        "channel only");
}

TEST_CASE("issuing: the factory's management key is an exception of some organisations, or of all") {
  service::FactoryValues known;
  SUBCASE("of another one") {
    known.management_key_organisations = {"other"};
  }
  SUBCASE("of this one") {
    known.management_key_organisations = {"other", "org"};
  }
  SUBCASE("of all") {
    known.management_key = true;
  }
  const auto excepted = known.management_key || known.management_key_organisations.size() == 2;
  Office f{{}, known};
  CHECK(f.finish(f.written("a", kAda).id).missing.empty() == excepted);
}

#include "cardea/service/issuing.h"

#include <SQLiteCpp/Database.h>

#include <array>
#include <set>

#include "cardea/card/gp/channel_records.h"
#include "cardea/card/stored_key.h"
#include "cardea/service/card_keys.h"
#include "cardea/service/directory.h"
#include "cardea/test/block_cipher.h"
#include "certificates.h"
#include "first_write.h"
#include "fixture.h"

using namespace cardea;
using namespace cardea::test;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;
using store::Issuance;

namespace {

constexpr const char* kPin = "00 24 00 80 10 313233343536FFFF 373934363133FFFF";
constexpr const char* kKnown = "010203040506070801020304050607080102030405060708";
constexpr const char* kPuk = "00 24 00 81 10 3132333435363738 3837363534333231";

/// The furnished server, with a registration authority at "ra" and another one of the same organisation at
/// "ra2".
struct Office : Furnished {
  /// Cards of these tests keep the factory's management key, except where that is what a test is about.
  static service::IssuingOptions factory_key() {
    service::IssuingOptions options;
    options.factory_management_key = true;
    return options;
  }
  explicit Office(service::IssuingOptions options = factory_key())
      : issuing{world, sessions, cards, std::move(options)} {
    add_device("ra2", "org", std::nullopt, store::DeviceRole::registrar);
  }

  store::CardRow blank(const std::string& request, const char* device = "ra") {
    return must(issuing.blank(caller(device), {request, "piv-nist", ""}));
  }
  Error refused(const std::string& request, const char* device = "ra") {
    const auto row = issuing.blank(caller(device), {request, "piv-nist", ""});
    REQUIRE_FALSE(row);
    return row.error();
  }
  Issuance issuance(const std::string& card) { return must(database->card(card)).issuance; }

  /// One APDU after the other, in a session of its own.
  Texts talk(const std::string& card, const Texts& commands, const char* device = "ra") {
    const auto session = must(sessions.open(caller(device), card));
    Texts answers;
    std::uint64_t sequence = 0;
    for (const auto& command : commands)
      answers.push_back(ask(session, ++sequence, command));
    must(sessions.close(session.id, session.token));
    return answers;
  }
  std::string ask(const service::OpenedSession& session, std::uint64_t sequence, const std::string& apdu) {
    const auto reply = sessions.exchange(session.id, session.token, apdus(sequence, {apdu.c_str()}));
    return reply ? to_hex(must(api::parse_exchange_reply(*reply)).results[0].response) : reply.error().what;
  }

  /// A P-256 key in the slot, made by a management system that knows the factory's management key; its point.
  Bytes generate(const std::string& card, const std::string& slot, const char* device = "ra") {
    const auto session = must(sessions.open(caller(device), card));
    authenticate(session);
    const auto made = ask(session, 3, "004700" + slot + "05AC03800111");
    REQUIRE(made.ends_with("9000"));
    must(sessions.close(session.id, session.token));
    return from_hex(made.substr(10, 130)).value();  // 7F49 43 86 41 point
  }
  /// Steps 1 and 2 of the session: with the factory's management key.
  void authenticate(const service::OpenedSession& session) {
    const auto challenge = ask(session, 1, "0087039B047C028100");
    const auto answer = ecb_encrypt(card::Algorithm::tdes, from_hex(kKnown).value(),
                                    from_hex(challenge.substr(8, 16)).value());
    REQUIRE(ask(session, 2, "0087039B0C7C0A8208" + to_hex(*answer)) == "9000");
  }
  void put(const std::string& card, std::uint32_t tag, const Bytes& object) {
    const card::Change change{{card::RecordSpace::object, tag}, object};
    must(database->card_store(card)->commit({&change, 1}));
  }
  /// Key and certificate; 9A, 9C or 9D.
  void certify(const std::string& card, const std::string& slot, const Wanted& wanted,
               const char* device = "ra") {
    const std::uint32_t tag = slot == "9A" ? 0x5FC105 : slot == "9C" ? 0x5FC10A : 0x5FC10B;
    put(card, tag, piv_object(authority.issue(wanted, p256_spki(generate(card, slot, device)))));
  }
  store::CardRow written(const std::string& request, const Wanted& wanted, const char* device = "ra") {
    const auto card = blank(request, device);
    CHECK(talk(card.id, {kPin, kPuk}, device) == Texts{"9000", "9000"});
    certify(card.id, "9A", wanted, device);
    return must(database->card(card.id));
  }
  service::IssuingView finish(const std::string& card) { return must(issuing.finish(caller("ra"), card)); }
  Error conflict(const std::string& card) {
    const auto view = issuing.finish(caller("ra"), card);
    REQUIRE_FALSE(view);
    CHECK(view.error().code == Errc::conflict);
    CHECK(issuance(card) == Issuance::issuing);
    return view.error();
  }

  Authority authority;
  service::Issuing issuing;
};

const Wanted kAda{{{"CN", "Ada Example"}, {"UID", "555000000017"}},
                  "email:ada@example.org,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ada@corp.example"};

}  // namespace

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
      REQUIRE(directory.enrol(code.code, api::generate_signing_key().public_key, "pc"));
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
  options.factory_pin_organisations = {"org"};
  options.factory_management_key_organisations = {"org"};
  Office f{options};
  const auto card = f.blank("a");
  f.certify(card.id, "9A", kAda);
  CHECK(f.finish(card.id).missing == Texts{"a certificate in 9D"});
  f.certify(card.id, "9D", kAda);
  CHECK(f.finish(card.id).missing.empty());
}

TEST_CASE("issuing: a card is not finished with the management key that everybody knows [D1]") {
  Office f{service::IssuingOptions{}};
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

TEST_CASE("issuing: a card without a command for its management key says how else it gets one [D1]") {
  Office f{service::IssuingOptions{}};
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
  service::IssuingOptions options;
  SUBCASE("of another one") {
    options.factory_management_key_organisations = {"other"};
  }
  SUBCASE("of this one") {
    options.factory_management_key_organisations = {"other", "org"};
  }
  SUBCASE("of all") {
    options.factory_management_key = true;
  }
  const auto excepted =
      options.factory_management_key || options.factory_management_key_organisations.size() == 2;
  Office f{options};
  CHECK(f.finish(f.written("a", kAda).id).missing.empty() == excepted);
}

TEST_CASE("issuing: the holder is made once, and found again by any identifier [D1]") {
  Office f;
  const auto first = f.finish(f.written("a", kAda).id);
  CHECK(first.card.row.issuance == Issuance::issued);
  REQUIRE(first.holder);
  CHECK(first.holder->name == "Ada Example");
  CHECK(first.holder->email == "ada@example.org");
  const auto ada = f.must(f.database->person("org", "ada@example.org"));
  CHECK(first.card.row.holder == ada.id);
  CHECK(f.actions(first.card.row.id).back() == "card.issued");

  // The same again changes nothing.
  const auto people = f.database->people("org").value().size();
  CHECK(f.finish(first.card.row.id).card.row.holder == ada.id);
  CHECK(f.database->people("org").value().size() == people);

  const auto holder = [&f](const char* request, const Wanted& wanted) {
    return f.finish(f.written(request, wanted).id).card.row.holder.value();
  };
  CHECK(holder("b", {{{"CN", "Ada Married"}}, "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ADA@corp.example"}) ==
        ada.id);
  CHECK(holder("c", {{{"CN", "A. Example"}, {"UID", "555000000017"}}, "email:new@example.org"}) == ada.id);
  CHECK(holder("d", {{{"CN", "Somebody"}}, "email:new@example.org"}) == ada.id);
  CHECK(f.database->people("org").value().size() == people);
  // A person whom an administrator has made known is found by the e-mail address.
  REQUIRE(f.database->add(store::Person{"eve", "org", "Eve", "Eve@Example.org", f.clock.now()}));
  CHECK(holder("e", {{{"CN", "Eve Example"}}, "email:eve@example.org"}) == "eve");
  // Names alone find nobody: two people may have one.
  const auto one = holder("f", {{{"CN", "Jo Example"}}, ""});
  CHECK(holder("g", {{{"CN", "Jo Example"}}, ""}) != one);
}

TEST_CASE(
    "issuing: certificates that name different people are refused, and the card stays half-issued [D1]") {
  Office f;
  const auto card = f.written("a", kAda);
  const auto refusal = [&](const Wanted& wanted) {
    f.certify(card.id, "9C", wanted);
    const auto view = f.finish(card.id);
    CHECK(f.issuance(card.id) == Issuance::issuing);
    REQUIRE(view.missing.size() == 1);
    return view.missing.front();
  };
  CHECK(refusal({{{"CN", "Ada Example"}, {"UID", "555000000025"}}, ""}) ==
        "one holder: the certificates in 9A and 9C name different people: their user identifiers are "
        "555000000017 and "
        "555000000025");
  CHECK(refusal({{{"CN", "Ada Example"}, {"UID", "555000000017"}}, "email:bob@example.org"}) ==
        "one holder: the certificates in 9A and 9C name different people: their e-mail addresses are "
        "ada@example.org "
        "and bob@example.org");
  CHECK(refusal({{{"CN", "Bob Example"}}, ""}) ==
        "one holder: the certificates in 9A and 9C name different people: 'Ada Example' and 'Bob Example', "
        "without an "
        "identifier that both have");
  f.certify(card.id, "9C", {{{"CN", "Ada Example (signature)"}, {"UID", "555000000017"}}, ""});
  CHECK(f.finish(card.id).missing.empty());
}

TEST_CASE("issuing: identifiers of two people are refused with a sentence [D1]") {
  Office f;
  REQUIRE(f.finish(f.written("a", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""}).id).missing.empty());
  REQUIRE(f.finish(f.written("b", {{{"CN", "Bob Example"}}, "email:bob@example.org"}).id).missing.empty());
  const auto both = f.written("c", {{{"CN", "Ada Example"}, {"UID", "1"}}, "email:bob@example.org"});
  const auto error = f.conflict(both.id);
  CHECK(error.what.starts_with("the email bob@example.org in the certificates is that of Bob Example ("));
  CHECK(f.actions(both.id).back() == "card.issued failed");

  // An administrator has given it to somebody else before.
  const auto given = f.written("e", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""});
  REQUIRE(f.cards.assign(given.id, "ann", "administrator"));
  CHECK(f.conflict(given.id).what.starts_with("the uid 1 in the certificates is that of Ada Example ("));
}

TEST_CASE("issuing: two organisations issue to the same names, and neither learns of the other [D1] [D3]") {
  Office f;
  const auto people = [&f](const char* organisation) {
    std::set<std::string> ids;
    for (const auto& person : f.must(f.database->people(organisation)))
      ids.insert(person.id);
    return ids;
  };
  const auto before = people("org");
  // The other organisation has every name first, and in its directory a person with an address to come.
  const auto theirs = f.written("a", kAda, "foreign");
  const auto far = f.must(f.issuing.finish(f.caller("foreign"), theirs.id));
  REQUIRE(far.missing.empty());
  REQUIRE(f.database->add(store::Person{"far", "other", "Bob", "bob@example.org", f.clock.now()}));
  CHECK(people("org") == before);

  const auto ours = f.finish(f.written("a", kAda).id);
  CHECK(ours.missing.empty());
  CHECK(ours.card.holder_name == "Ada Example");
  REQUIRE(ours.card.row.holder);
  CHECK(ours.card.row.holder != far.card.row.holder);
  CHECK(f.must(f.database->person("org", "ada@example.org")).id == ours.card.row.holder);
  CHECK(f.must(f.database->person("other", "ada@example.org")).id == far.card.row.holder);
  const Wanted bob{{{"CN", "Bob Example"}}, "email:bob@example.org"};
  CHECK(f.finish(f.written("b", bob).id).card.row.holder != "far");

  // Each finds its own again.
  CHECK(f.finish(f.written("c", kAda).id).card.row.holder == ours.card.row.holder);
  const auto again = f.written("c", kAda, "foreign");
  CHECK(f.must(f.issuing.finish(f.caller("foreign"), again.id)).card.row.holder == far.card.row.holder);
  CHECK(f.issuing.look(f.caller("ra"), theirs.id).error().code == Errc::not_found);
  CHECK(f.issuing.look(f.caller("foreign"), ours.card.row.id).error().code == Errc::not_found);
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

TEST_CASE("[B8] issuing: an identifier that somebody else wrote into the database names nobody") {
  Office f;
  f.must(f.database->changes().protect(SecretBytes{BytesView{Bytes(32, 7)}}));
  REQUIRE(f.finish(f.written("a", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""}).id).missing.empty());
  const auto card = f.written("b", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""});
  const auto other = f.written("c", {{{"CN", "Ada Example"}, {"UID", "2"}}, ""});
  SQLite::Database raw{(f.directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
  const auto refused = [&f](const std::string& id) {
    const auto view = f.issuing.finish(f.caller("ra"), id);
    REQUIRE_FALSE(view);
    CHECK(view.error().code == Errc::corrupt);
    CHECK(f.issuance(id) == Issuance::issuing);
    return view.error().what;
  };
  SUBCASE("it was another's") {
    raw.exec("UPDATE person_identifiers SET person = 'bob'");
    CHECK(refused(card.id).find("was changed, and not by the server") != std::string::npos);
  }
  SUBCASE("it was nobody's") {
    raw.exec(
        "INSERT INTO person_identifiers (organisation, kind, value, person) VALUES ('org', 'uid', '2', "
        "'bob')");
    CHECK(refused(other.id).find("was added, and not by the server") != std::string::npos);
  }
  SUBCASE("it was hers") {
    raw.exec("DELETE FROM person_identifiers");
    CHECK(refused(card.id).find("was deleted, and not by the server") != std::string::npos);
  }
}

// PINs that somebody else than the card's holder has chosen: which they are, and what keys answer until they
// are changed, where the organisation wants that.

#include <SQLiteCpp/Database.h>

#include <algorithm>

#include "cardea/service/issuing.h"
#include "cardea/test/block_cipher.h"
#include "fixture.h"

namespace cardea::test {
namespace {

using card::PinRef;
using store::Issuance;

const std::string kSign = "0087119A267C2482008120" + std::string(64, '1');
const std::string kVerifyFactory = "0020008008313233343536FFFF";

std::string field(std::string_view value) {
  auto octets = to_bytes(as_bytes(value));
  octets.resize(8, 0xFF);
  return to_hex(octets);
}
std::string verify(std::string_view pin) {
  return "0020008008" + field(pin);
}
std::string change(std::string_view from, std::string_view to) {
  return "0024008010" + field(from) + field(to);
}
std::string change_puk(std::string_view from, std::string_view to) {
  return "0024008110" + field(from) + field(to);
}
std::string unblock(std::string_view puk, std::string_view to) {
  return "002C008010" + field(puk) + field(to);
}

/// Ann's card with a key in 9A, on a server whose organisation "org" wants PINs of the holder's own.
struct Wanting : Furnished {
  static service::PinOptions options() {
    auto options = pins_taken(true);
    options.must_change_organisations = {"org"};
    return options;
  }
  Wanting() { make_key(card.id); }

  /// One command after the other in a session of its own; the last answer, without its data.
  std::string talk(const char* device, const std::vector<std::string>& commands) {
    return talk(device, commands, wanting, card.id);
  }
  std::string talk(const char* device, const std::vector<std::string>& commands,
                   service::CardSessions& server, const std::string& of) {
    const auto session = must(server.open(caller(device), of));
    std::uint64_t sequence = 0;
    std::string answer;
    for (const auto& command : commands)
      answer = ask(server, session, ++sequence, command);
    must(server.close(session.id, session.token));
    return answer.size() < 4 ? answer : answer.substr(answer.size() - 4);
  }
  static std::string ask(service::CardSessions& server, const service::OpenedSession& session,
                         std::uint64_t sequence, const std::string& command) {
    const auto reply = server.exchange(session.id, session.token, apdus(sequence, {command.c_str()}));
    return reply ? to_hex(must(api::parse_exchange_reply(*reply)).results[0].response) : reply.error().what;
  }
  void make_key(const std::string& of) {
    const auto session = must(wanting.open(caller("ra"), of));
    const auto challenge = ask(wanting, session, 1, "0087039B047C028100");
    const auto answer = ecb_encrypt(card::Algorithm::tdes,
                                    from_hex("010203040506070801020304050607080102030405060708").value(),
                                    from_hex(challenge.substr(8, 16)).value());
    REQUIRE(ask(wanting, session, 2, "0087039B0C7C0A8208" + to_hex(*answer)) == "9000");
    REQUIRE(ask(wanting, session, 3, "0047009A05AC03800111").ends_with("9000"));
    must(wanting.close(session.id, session.token));
  }
  card::PinStatus status(PinRef ref = PinRef::application) {
    return must(database->pin_records(card.id)->status(ref));
  }
  /// With a PUK that the registration authority has chosen.
  void settle_puk() { REQUIRE(talk("ra", {change_puk("12345678", "31415926")}) == "9000"); }

  service::CardSessions wanting{world, {}, options()};
  store::CardRow card = issue("ann");
};

}  // namespace

TEST_CASE("must change: keys wait until the holder has changed what the factory set [C5]") {
  Wanting f;
  CHECK(f.status().must_change);
  CHECK(f.status(PinRef::puk).must_change);
  const auto uses = f.vault.uses;
  CHECK(f.talk("anns", {kSign}) == "6982");  // the PIN is asked for first
  CHECK(f.talk("anns", {kVerifyFactory, kSign}) == "6985");
  CHECK(f.vault.uses == uses);
  CHECK(f.talk("anns", {change("123456", "471147"), kSign}) ==
        "6985");  // anybody could set it back with the PUK
  CHECK_FALSE(f.status().must_change);
  CHECK(f.talk("anns", {change_puk("12345678", "31415926")}) == "9000");
  CHECK_FALSE(f.status(PinRef::puk).must_change);
  CHECK(f.talk("anns", {verify("471147"), kSign}) == "9000");
  CHECK(f.talk("ra", {verify("471147"), kSign}) == "9000");  // wherever it is shown
}

TEST_CASE("must change: who looks at the card sees why its keys wait [C5]") {
  using Names = std::vector<std::string>;
  Wanting f;
  service::Cards cards{f.world, f.wanting};
  const auto shown = [&] {
    const auto view = f.must(cards.show(f.card.id));
    const auto listed = f.must(cards.visible_to(f.caller("anns")));
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].must_change == view.must_change);
    CHECK(f.must(cards.visible_to(f.caller("ra")))[0].must_change == view.must_change);
    CHECK(view.pins->pin->must_change == (std::ranges::count(view.must_change, "pin") == 1));
    CHECK(view.pins->puk->must_change == (std::ranges::count(view.must_change, "puk") == 1));
    return view.must_change;
  };
  CHECK(shown() == Names{"pin", "puk"});
  f.settle_puk();
  CHECK(shown() == Names{"pin"});
  CHECK(f.talk("anns", {change("123456", "471147")}) == "9000");
  CHECK(shown().empty());
  CHECK(f.talk("ra", {unblock("31415926", "793461")}) == "9000");
  CHECK(shown() == Names{"pin"});
  // Where nobody wants it, nothing is said.
  CHECK(f.must(f.cards.show(f.card.id)).must_change.empty());
  CHECK_FALSE(f.must(f.cards.show(f.card.id)).pins->pin->must_change);
  CHECK(f.must(f.cards.visible_to(f.caller("anns")))[0].must_change.empty());
}

TEST_CASE("must change: where nobody wants it keys are used straight on") {
  Wanting f;
  CHECK(f.talk("anns", {kVerifyFactory, kSign}, f.sessions, f.card.id) == "9000");
  CHECK(f.status().must_change);  // and is known, should somebody want it later
}

TEST_CASE("must change: a PIN that a registrar's workstation has set is its holder's to change [C5]") {
  Wanting f;
  f.settle_puk();
  CHECK_FALSE(f.status(PinRef::puk).must_change);  // the authority's, to unblock with
  CHECK(f.talk("ra", {change("123456", "793461"), kSign}) == "6985");
  CHECK(f.status().must_change);
  SUBCASE("with the old one") {
    CHECK(f.talk("anns", {verify("793461"), kSign}) == "6985");
    CHECK(f.talk("anns", {change("793461", "471147"), kSign}) == "9000");
  }
  SUBCASE("with the PUK") {
    CHECK(f.talk("anns", {unblock("31415926", "471147"), verify("471147"), kSign}) == "9000");
  }
  CHECK_FALSE(f.status().must_change);
  // And again after the authority has helped out.
  CHECK(f.talk("ra", {unblock("31415926", "793461")}) == "9000");
  CHECK(f.talk("anns", {verify("793461"), kSign}) == "6985");
}

TEST_CASE("must change: a registrar's device of the holder is the authority's") {
  Wanting f;
  f.settle_puk();
  f.add_device("anns-desk", "org", "ann", store::DeviceRole::registrar);
  CHECK(f.talk("anns-desk", {change("123456", "793461"), kSign}) == "6985");
}

TEST_CASE("must change: while a card is being issued its keys sign, and wait once it is issued [C5] [D1]") {
  Wanting f;
  f.factory_values.management_key = true;
  service::Issuing issuing{f.world, f.wanting, f.cards, {}};
  const auto card = f.must(issuing.blank(f.caller("ra"), {"a", "piv-nist", ""}));
  f.make_key(card.id);
  CHECK(f.must(f.database->card(card.id)).issuance == Issuance::issuing);
  const auto session = f.must(f.wanting.open(f.caller("ra"), card.id));
  auto ask = [&, sequence = std::uint64_t{0}](const std::string& command) mutable {
    const auto answer = Wanting::ask(f.wanting, session, ++sequence, command);
    return answer.substr(answer.size() - 4);
  };
  CHECK(ask(kVerifyFactory) == "9000");
  CHECK(ask(kSign) == "9000");
  CHECK(ask(change("123456", "793461")) == "9000");
  CHECK(ask(change_puk("12345678", "31415926")) == "9000");
  CHECK(ask(kSign) == "9000");
  f.must(f.database->finish_issuing(card.id, f.must(f.database->person("org", "ann")), false, {}));
  CHECK(ask(kSign) == "6985");
  CHECK(f.talk("anns", {verify("793461"), kSign}, f.wanting, card.id) == "6985");
  CHECK(f.talk("anns", {change("793461", "471147"), kSign}, f.wanting, card.id) == "9000");
}

TEST_CASE("must change: what came through a channel into the card is the issuer's, whoever carried it [C5]") {
  Wanting f;
  service::PinKeyring keyring{f.vault};
  bool issued = true;
  service::Pins pins{
      f.database->pin_records(f.card.id),
      {[&] { return keyring.of("org"); }, f.clock, f.rng, nullptr, true, [&] { return issued; }},
      "org",
      f.card.id,
      Wanting::options()};
  const auto set = [&](PinRef ref, bool through_channel, bool by_issuer) {
    const card::PinEvidence value{card::PlainPin{SecretBytes{as_bytes("471147\xFF\xFF")}, through_channel}};
    card::PinUpdate update{ref, &value, false, std::nullopt};
    update.source = by_issuer ? card::PinSource::issuer : card::PinSource::holder;
    f.must(pins.replace({&update, 1}));
    return f.status(ref).must_change;
  };
  CHECK_FALSE(set(PinRef::puk, true, true));  // the authority keeps it, to unblock with
  CHECK(set(PinRef::application, true, true));
  CHECK(f.must(pins.change_awaited()));
  issued = false;
  CHECK_FALSE(f.must(pins.change_awaited()));
  issued = true;
  CHECK_FALSE(
      set(PinRef::application, true, false));  // PIV's secure messaging: whoever sets it knows the old one
  CHECK_FALSE(f.must(pins.change_awaited()));
}

TEST_CASE("must change: who has chosen a PIN is not for others to say [B8] [C5]") {
  Wanting f;
  f.must(f.database->changes().protect(SecretBytes{BytesView{Bytes(32, 7)}}));
  f.settle_puk();
  SQLite::Database raw{(f.directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
  raw.setBusyTimeout(20'000);
  const auto tamper = [&raw](const char* value) {
    raw.exec(std::string{"UPDATE pins SET must_change = "} + value + " WHERE ref = 128");
  };
  const auto sign = [&f](const char* device, const std::string& first, const auto& between) {
    const auto session = f.must(f.wanting.open(f.caller(device), f.card.id));
    REQUIRE(Wanting::ask(f.wanting, session, 1, first) == "9000");
    between();
    return Wanting::ask(f.wanting, session, 2, kSign);
  };
  const auto uses = f.vault.uses;
  SUBCASE("that it is the holder's") {
    CHECK(sign("ra", change("123456", "793461"), [&] { tamper("NULL"); }) == "6581");
  }
  SUBCASE("that it is not") {
    CHECK(sign("anns", change("123456", "471147"), [&] { tamper("1"); }) == "6581");
  }
  CHECK(f.vault.uses == uses);
}

}  // namespace cardea::test

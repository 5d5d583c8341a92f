// A PIN login from the client's first message to records both ways, against the service without a network.

#include <algorithm>

#include "cardea/api/card_secret.h"
#include "cardea/api/opaque.h"
#include "cardea/api/record.h"
#include "fixture.h"

namespace cardea::test {
namespace {

namespace opaque = api::opaque;
using namespace std::chrono_literals;

constexpr const char* kSelect = "00 A4 04 00 09 A00000030800001000 00";
constexpr const char* kStatus = "00 20 00 80";
constexpr const char* kPlainVerify = "00 20 00 80 08 313233343536FFFF";
constexpr const char* kVerify = "00 20 00 80 08 0000000000000000";
constexpr const char* kChange = "00 24 00 80 10 00000000000000000000000000000000";
constexpr const char* kChangePuk = "00 24 00 81 10 00000000000000000000000000000000";
constexpr const char* kReset = "00 2C 00 80 10 00000000000000000000000000000000";

/// What OPAQUE sees of a PIN: the field without what fills it up.
Bytes pin(std::string_view digits) {
  return to_bytes(as_bytes(digits));
}

/// A client by the book: what an agent does, in a few lines.
struct Holder {
  Furnished& f;
  store::CardRow card;
  service::OpenedSession session;
  Bytes token_hash = Bytes(32, 0x7A);
  std::uint64_t sequence = 0;
  std::optional<api::record::Sealer> sealer;
  std::optional<api::record::Opener> opener;
  Bytes last_body;

  explicit Holder(Furnished& furnished) : Holder{furnished, furnished.issue()} {}
  Holder(Furnished& furnished, store::CardRow row)
      : f{furnished},
        card{std::move(row)},
        session{Furnished::must(f.sessions.open(f.caller("ra"), card.id, Bytes(32, 0x7A)))} {}

  Result<api::ExchangeReply> say(std::vector<api::Step> steps, BytesView ke3 = {}) {
    auto body = api::encode(api::Exchange{++sequence, std::move(steps)});
    if (sealer) {
      const auto record = Furnished::must(sealer->seal(sequence, body));
      api::SealedBody sealed{sequence, std::nullopt, record};
      if (!ke3.empty()) sealed.ke3 = ke3;
      body = api::encode(sealed);
    }
    last_body = body;
    auto reply = f.sessions.exchange(session.id, session.token, BytesView{body});
    if (!reply) {
      --sequence;
      return tl::unexpected{reply.error()};
    }
    if (!opener) return api::parse_exchange_reply(*reply);
    const auto sealed = Furnished::must(api::parse_sealed(*reply));
    const auto plain = Furnished::must(opener->open(sealed.sequence, sealed.record));
    return api::parse_exchange_reply(plain.expose());
  }
  std::string sw(std::vector<api::Step> steps) {
    const auto reply = say(std::move(steps));
    return reply ? to_hex(reply->results.back().response) : reply.error().what;
  }
  std::string sw(const char* apdu) { return sw(std::vector<api::Step>{api::CommandStep{*from_hex(apdu)}}); }

  struct Answer {
    std::string sw;
    std::optional<opaque::ClientLogin::Done> done;
    std::optional<api::PinChallenge> challenge;
    std::optional<opaque::ClientRegistration> registration;
  };
  Answer open(const char* apdu, const Bytes& value, const Bytes& new_value = {},
              card::PinRef shown = card::PinRef::application, bool new_well_formed = true,
              bool new_factory_value = false) {
    auto client = Furnished::must(opaque::ClientLogin::start(SecretBytes{value}));
    Answer answer;
    Bytes request;
    if (!new_value.empty()) {
      answer.registration = Furnished::must(opaque::ClientRegistration::start(SecretBytes{new_value}));
      request = to_bytes(answer.registration->request());
    }
    const auto reply = say({api::PinOpeningStep{*from_hex(apdu), client.ke1(), request, true, new_well_formed,
                                                new_factory_value}});
    if (!reply) return {reply.error().what, {}, {}, {}};
    answer.sw = to_hex(reply->results.back().response);
    answer.challenge = reply->results.back().challenge;
    if (!answer.challenge) return answer;
    const auto context = opaque::encode(
        opaque::LoginContext{"org", card.id, static_cast<std::uint8_t>(shown), {}, "ra", token_hash});
    auto done = std::move(client).finish(answer.challenge->ke2, context,
                                         Furnished::must(opaque::parse_ksf(answer.challenge->ksf)));
    if (done) answer.done.emplace(std::move(*done));
    return answer;
  }
  /// Switches to the new login's keys and sends its proof with `step`.
  Result<api::ExchangeReply> prove(const Answer& answer, api::PinProofStep step,
                                   std::vector<api::Step> more = {}) {
    const api::record::Binding binding{session.id, answer.challenge->generation};
    sealer.emplace(answer.done->session_key, api::record::Direction::to_server, binding);
    opener.emplace(answer.done->session_key, api::record::Direction::to_client, binding, sequence + 1);
    more.insert(more.begin(), std::move(step));
    return say(std::move(more), answer.done->ke3);
  }
  /// The card's pair, from the copy that came with the challenge.
  api::hpke::KeyPair secret(const Answer& answer, card::PinRef ref = card::PinRef::application) {
    const auto holder = ref == card::PinRef::puk ? api::card_secret::kPuk : api::card_secret::kPin;
    return Furnished::must(api::card_secret::open_copy(
        {"org", card.id, holder}, answer.done->export_key.expose(), answer.challenge->secret_copy));
  }
  unsigned tries(card::PinRef ref = card::PinRef::application) {
    return Furnished::must(f.database->pin_records(card.id)->status(ref)).tries_left;
  }
};

/// The proof of a change of value, as a client makes it.
api::PinProofStep change(Holder& holder, Holder::Answer& answer, const char* apdu, card::PinRef shown,
                         std::string_view new_holder) {
  auto done = Furnished::must(std::move(*answer.registration)
                                  .finish(answer.challenge->new_value,
                                          Furnished::must(opaque::parse_ksf(answer.challenge->new_ksf))));
  const auto pair = holder.secret(answer, shown);
  const auto copy = Furnished::must(
      api::card_secret::seal_copy({"org", holder.card.id, new_holder}, done.export_key.expose(), pair));
  return {*from_hex(apdu), done.record, copy, to_bytes(pair.private_key.expose())};
}

std::string sw_of(const Result<api::ExchangeReply>& reply, std::size_t step = 0) {
  return reply ? to_hex(reply->results.at(step).response) : reply.error().what;
}

TEST_CASE("PIN login: opened, proven, and from then on everything is sealed [C2][C4]") {
  Furnished f{{}, false};
  Holder holder{f};
  CHECK(holder.sw(kSelect).size() > 4);
  const auto answer = holder.open(kVerify, pin("123456"));
  CHECK(answer.sw == "63C2");  // what the application gets if the PIN proves wrong
  REQUIRE(answer.done);
  CHECK(holder.tries() == 2);

  const auto pair = holder.secret(answer);
  const auto proven = holder.prove(answer, {*from_hex(kVerify), {}, {}, to_bytes(pair.private_key.expose())},
                                   {api::CommandStep{*from_hex(kStatus)}});
  CHECK(sw_of(proven, 0) == "9000");
  CHECK(sw_of(proven, 1) == "9000");
  CHECK(holder.tries() == 3);
  CHECK(holder.sw(kStatus) == "9000");

  const auto actions = f.actions(holder.card.id);
  CHECK(std::ranges::count(actions, "pin.challenge") == 1);
  CHECK(std::ranges::count(actions, "pin.try") == 1);
  CHECK(std::ranges::count(actions, "pin.try failed") == 0);
}

TEST_CASE("PIN login: a wrong PIN costs its try and opens nothing [C2][C3]") {
  Furnished f{{}, false};
  Holder holder{f};
  for (const char* left : {"63C2", "63C1", "6983"}) {
    const auto answer = holder.open(kVerify, pin("654321"));
    CHECK(answer.sw == left);
    CHECK_FALSE(answer.done);
  }
  const auto blocked = holder.open(kVerify, pin("123456"));
  CHECK(blocked.sw == "6983");
  CHECK_FALSE(blocked.challenge);  // nothing to guess at
  CHECK(holder.tries() == 0);
}

TEST_CASE("PIN login: a PIN in plain text is refused and costs nothing [C2]") {
  Furnished f{{}, false};
  Holder holder{f};
  CHECK(holder.sw(kPlainVerify) == "6982");
  CHECK(holder.sw("00 24 00 80 10 313233343536FFFF363534333231FFFF") == "6982");
  CHECK(holder.sw("00 2C 00 80 10 3132333435363738363534333231FFFF") == "6982");
  CHECK(holder.tries() == 3);
  CHECK(holder.tries(card::PinRef::puk) == 3);
}

TEST_CASE("PIN login: what is no try costs none") {
  Furnished f{{}, false};
  Holder holder{f};
  SUBCASE("a message that is none") {
    CHECK(holder.sw({api::PinOpeningStep{*from_hex(kVerify), Bytes(96, 0), {}, true, true}}) == "6A80");
  }
  SUBCASE("a field of the wrong length") {
    CHECK(holder.open("00 20 00 80 07 00000000000000", pin("123456")).sw == "6A80");
  }
  SUBCASE("a PIN that this card does not have") {
    CHECK(holder.open("00 20 00 00 08 0000000000000000", pin("123456")).sw == "6A88");
  }
  SUBCASE("a new value that the client finds unfit") {
    CHECK(holder.open(kChange, pin("123456"), pin("1"), card::PinRef::application, false).sw == "6A80");
  }
  SUBCASE("without the HSM") {
    f.vault.available = false;
    CHECK(holder.open(kVerify, pin("123456")).sw.substr(0, 2) == "6F");
  }
  CHECK(holder.tries() == 3);
}

TEST_CASE("PIN login: a proof is good once, for thirty seconds, and for its own login [C2]") {
  Furnished f{{}, false};
  Holder holder{f};
  auto first = holder.open(kVerify, pin("123456"));
  const Error unproven{Errc::denied, "the PIN login was not proven"};
  SUBCASE("not after thirty seconds") {
    f.clock.advance(30s);
    CHECK(holder.prove(first, {*from_hex(kVerify), {}, {}, {}}).error() == unproven);
  }
  SUBCASE("not with another proof, and not a second time then") {
    auto ke3 = first.done->ke3;
    first.done->ke3[0] ^= 1;
    CHECK(holder.prove(first, {*from_hex(kVerify), {}, {}, {}}).error() == unproven);
    first.done->ke3 = ke3;
    CHECK(holder.prove(first, {*from_hex(kVerify), {}, {}, {}}).error() == unproven);
  }
  SUBCASE("not once another login was opened") {
    (void)holder.open(kVerify, pin("123456"));
    CHECK(holder.prove(first, {*from_hex(kVerify), {}, {}, {}}).error() == unproven);
    CHECK(holder.tries() == 1);
    return;
  }
  SUBCASE("not in another session") {
    Holder other{f, holder.card};
    CHECK(other.prove(first, {*from_hex(kVerify), {}, {}, {}}).error() == unproven);
  }
  CHECK(holder.tries() == 2);
}

TEST_CASE("PIN login: another access token or device makes another login [C4]") {
  Furnished f{{}, false};
  Holder holder{f};
  holder.token_hash = Bytes(32, 0x7B);
  CHECK_FALSE(holder.open(kVerify, pin("123456")).done);
}

TEST_CASE("PIN login: no way back to plain exchanges, no replay, no other octets under an old number [C4]") {
  Furnished f{{}, false};
  Holder holder{f};
  const auto answer = holder.open(kVerify, pin("123456"));
  CHECK(sw_of(holder.prove(answer, {*from_hex(kVerify), {}, {}, {}})) == "9000");

  // The same octets: the same answer, and nothing runs.
  const auto again =
      f.sessions.exchange(holder.session.id, holder.session.token, BytesView{holder.last_body});
  CHECK(again.has_value());
  auto other = holder.last_body;
  other.back() ^= 1;
  CHECK(f.sessions.exchange(holder.session.id, holder.session.token, BytesView{other}).error() ==
        Error{Errc::conflict, "exchange 2 of this session was another one"});

  const auto plain = api::encode(api::Exchange{3, {api::CommandStep{*from_hex(kStatus)}}});
  CHECK(f.sessions.exchange(holder.session.id, holder.session.token, BytesView{plain}).error() ==
        Error{Errc::conflict, "exchanges of this session are sealed since its PIN login"});
  CHECK(holder.sw(kStatus) == "9000");
}

TEST_CASE("PIN login: a record before any login is refused") {
  Furnished f{{}, false};
  Holder holder{f};
  const auto body = api::encode(api::SealedBody{1, std::nullopt, Bytes(40, 1)});
  CHECK(f.sessions.exchange(holder.session.id, holder.session.token, BytesView{body}).error() ==
        Error{Errc::conflict, "this session has had no PIN login"});
}

TEST_CASE("PIN login: the PIN is changed, and the card's secret follows [C2][B4]") {
  Furnished f{{}, false};
  Holder holder{f};
  auto answer = holder.open(kChange, pin("123456"), pin("471147"));
  REQUIRE(answer.done);
  CHECK(sw_of(holder.prove(answer, change(holder, answer, kChange, card::PinRef::application,
                                          api::card_secret::kPin))) == "9000");
  CHECK_FALSE(
      f.must(f.database->pin_records(holder.card.id)->status(card::PinRef::application)).factory_value);

  Holder later{f, holder.card};
  CHECK_FALSE(later.open(kVerify, pin("123456")).done);
  const auto fresh = later.open(kVerify, pin("471147"));
  REQUIRE(fresh.done);
  CHECK(later.secret(fresh).public_key == holder.secret(fresh).public_key);
  CHECK(sw_of(later.prove(fresh, {*from_hex(kVerify), {}, {}, {}})) == "9000");
}

TEST_CASE("PIN login: a value that is the factory's again counts as that, says the client [D1]") {
  Furnished f{{}, false};
  Holder holder{f};
  const auto factory = [&](card::PinRef ref) {
    return f.must(f.database->pin_records(holder.card.id)->status(ref)).factory_value;
  };
  const auto set = [&](const char* apdu, const char* from, const char* to, card::PinRef shown, bool known) {
    auto answer = holder.open(apdu, pin(from), pin(to), shown, true, known);
    REQUIRE(answer.done);
    const bool puk = std::string_view{apdu} == kChangePuk;
    CHECK(sw_of(holder.prove(answer, change(holder, answer, apdu, shown,
                                            puk ? api::card_secret::kPuk : api::card_secret::kPin))) ==
          "9000");
  };
  const auto application = card::PinRef::application;
  set(kChange, "123456", "471147", application, false);
  CHECK_FALSE(factory(application));
  set(kChange, "471147", "123456", application, true);
  CHECK(factory(application));
  set(kChangePuk, "12345678", "31415926", card::PinRef::puk, false);
  CHECK_FALSE(factory(card::PinRef::puk));
  set(kChange, "123456", "471147", application, false);
  set(kReset, "31415926", "123456", card::PinRef::puk, true);
  CHECK(factory(application));
  set(kChangePuk, "31415926", "12345678", card::PinRef::puk, true);
  CHECK(factory(card::PinRef::puk));
  // Nobody has lost anything by it.
  const auto again = holder.open(kVerify, pin("123456"));
  REQUIRE(again.done);
  CHECK(holder.secret(again).public_key.size() == 32);
}

TEST_CASE("PIN login: the PUK gives a blocked PIN a new value [C2][D5]") {
  Furnished f{{}, false};
  Holder holder{f};
  for (int i = 0; i < 3; ++i)
    (void)holder.open(kVerify, pin("000000"));
  auto answer = holder.open(kReset, to_bytes(as_bytes("12345678")), pin("471147"), card::PinRef::puk);
  CHECK(answer.sw == "63C2");  // the PUK's tries
  REQUIRE(answer.done);
  CHECK(sw_of(holder.prove(
            answer, change(holder, answer, kReset, card::PinRef::puk, api::card_secret::kPin))) == "9000");
  CHECK(holder.tries() == 3);
  CHECK(holder.tries(card::PinRef::puk) == 3);
  const auto fresh = holder.open(kVerify, pin("471147"));
  CHECK(fresh.done.has_value());
}

TEST_CASE("PIN login: a new value without the card's secret is refused, or the keys would be lost [B4]") {
  Furnished f{{}, false};
  Holder holder{f};
  auto answer = holder.open(kChange, pin("123456"), pin("471147"));
  auto step = change(holder, answer, kChange, card::PinRef::application, api::card_secret::kPin);
  step.secret_copy.clear();
  CHECK(sw_of(holder.prove(answer, step)) == "6A80");
  CHECK(holder.open(kVerify, pin("123456")).done.has_value());
}

TEST_CASE(
    "PIN login: each registration is evaluated under a nonce of its own, so it answers no guesses [C2]") {
  Furnished f{{}, false};
  Holder holder{f};
  const auto registration = Furnished::must(opaque::ClientRegistration::start(SecretBytes{pin("471147")}));
  const auto request = to_bytes(registration.request());
  const auto evaluation = [&] {
    const auto login = Furnished::must(opaque::ClientLogin::start(SecretBytes{pin("123456")}));
    const auto reply =
        holder.say({api::PinOpeningStep{*from_hex(kChange), login.ke1(), request, true, true}});
    REQUIRE(reply);
    REQUIRE(reply->results.back().challenge);
    return reply->results.back().challenge->new_value;
  };
  // The very same request: under one key it would get the very same answer.
  CHECK(evaluation() != evaluation());
}

TEST_CASE("PIN login: no PIN is in the database in any usual form [C2]") {
  Furnished f{{}, false};
  Holder holder{f};
  auto answer = holder.open(kChange, pin("123456"), pin("90210777"));
  CHECK(sw_of(holder.prove(answer, change(holder, answer, kChange, card::PinRef::application,
                                          api::card_secret::kPin))) == "9000");
  const auto record =
      f.must(f.database->pin_records(holder.card.id)->spend(card::PinRef::application)).expected;
  const auto needle = to_bytes(as_bytes("90210777"));
  for (const auto* part : {&record.record, &record.nonce, &record.ksf})
    CHECK(std::search(part->begin(), part->end(), needle.begin(), needle.end()) == part->end());
}

}  // namespace
}  // namespace cardea::test

// The client's end of a card session against a server that the test plays, with the real protocol on both
// sides.
#include "cardea/api/remote_card.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "cardea/api/card_secret.h"
#include "cardea/api/opaque.h"
#include "cardea/hex.h"

using namespace cardea;
namespace opaque = api::opaque;

namespace {

constexpr opaque::Ksf kQuick{opaque::Ksf::Function::argon2id, 8 * 1024, 1};
constexpr const char* kTenant = "tenant";
constexpr const char* kCard = "card";
constexpr std::uint8_t kPin = 0x80;
constexpr std::uint8_t kPuk = 0x81;

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

/// One card session at the server: PIN records, logins, records of the channel. What it has heard is kept.
class PlayedServer {
 public:
  PlayedServer() {
    set(kPin, "313233343536FFFF");
    set(kPuk, "3132333435363738");
  }

  api::CardSession session() const {
    api::CardSession out;
    out.id = "s1";
    out.card = kCard;
    out.organisation = kTenant;
    out.device = "thumb";
    out.access_token_hash = Bytes(32, 0x5A);
    out.pin_form = form;
    out.channel_binding = !exporter.empty();
    return out;
  }

  Result<api::RemoteCard::Sent> operator()(BytesView octets) {
    bodies.push_back(to_bytes(octets));
    if (broken > 0) {
      --broken;
      return fail(Errc::unavailable, "broken off");
    }
    const auto sequence = api::sequence_of(octets).value();
    auto& kept = replies_[sequence];
    if (kept.empty()) kept = run(octets);
    if (lost > 0) {
      --lost;
      return fail(Errc::unavailable, "broken off");
    }
    return api::RemoteCard::Sent{kept, exporter_seen_by_client, false};
  }

  /// "reset", "01 <apdu>", "02 <apdu>", "03 <apdu>", with "+" in front of what came in a record.
  std::vector<std::string> heard;
  std::vector<Bytes> bodies;
  api::PinForm form = api::PinForm::decimal;
  Bytes exporter{};
  Bytes exporter_seen_by_client{};
  Bytes command_answer{0x90, 0x00};
  Bytes proof_answer{0x90, 0x00};
  Bytes late_answer{0x90, 0x00};
  int broken = 0;  // requests that do not arrive
  int lost = 0;    // replies that do not
  api::hpke::KeyPair secret = api::hpke::generate_key_pair();
  Bytes copy{};      // of the PIN's holder
  Bytes lent{};      // what came with the last proof
  Bytes new_copy{};  // the same
  unsigned openings = 0;

  /// Whether the value of a reference is this one, as a login would find out.
  void adopt(std::uint8_t reference) {
    records_[reference] = pending_record_;
    nonces_[reference] = new_nonce_;
  }

  void set(std::uint8_t reference, std::string_view value, Bytes* export_key = nullptr) {
    const auto field = hex(value);
    auto client = opaque::ClientRegistration::start(SecretBytes{opaque::password_in(field)}).value();
    nonces_[reference] = Bytes(16, reference);
    const auto response =
        opaque::registration_response(keys_, identifier(reference, nonces_[reference]), client.request());
    auto done = std::move(client).finish(response.value(), kQuick).value();
    records_[reference] = done.record;
    if (export_key != nullptr) *export_key = to_bytes(done.export_key.expose());
  }

 private:
  static Bytes identifier(std::uint8_t reference, const Bytes& nonce) {
    return concat({opaque::credential_identifier(kTenant, kCard, reference), nonce});
  }

  Bytes run(BytesView octets) {
    api::Exchange exchange;
    if (api::is_sealed(octets)) {
      const auto body = api::parse_sealed(octets).value();
      if (body.ke3) {
        REQUIRE(opaque::ke3_is(*body.ke3, login_->expected_client_mac));
        const api::record::Binding binding{"s1", 7};
        opener_.emplace(login_->session_key, api::record::Direction::to_server, binding, body.sequence);
        sealer_.emplace(login_->session_key, api::record::Direction::to_client, binding);
      }
      REQUIRE(opener_);
      exchange = api::parse_exchange(opener_->open(body.sequence, body.record).value().expose()).value();
      heard.emplace_back("+");
    } else {
      REQUIRE(!opener_);
      exchange = api::parse_exchange(octets).value();
    }
    api::ExchangeReply reply{exchange.sequence, {}};
    for (const auto& step : exchange.steps)
      reply.results.push_back(result_of(step));
    auto plain = api::encode(reply);
    if (!sealer_) return plain;
    const auto record = sealer_->seal(exchange.sequence, plain).value();
    return api::encode(api::SealedBody{exchange.sequence, std::nullopt, record});
  }

  api::StepResult result_of(const api::Step& step) {
    api::StepResult result;
    if (std::holds_alternative<api::ResetStep>(step)) heard.emplace_back("reset");
    if (const auto* late = std::get_if<api::LateProofStep>(&step)) {
      heard.push_back("04 " + to_hex({&late->reference, 1}) + ' ' + to_hex(late->ke3));
      result.response = late_answer;
    }
    if (const auto* command = std::get_if<api::CommandStep>(&step)) {
      heard.push_back("01 " + to_hex(command->apdu));
      result.response = command_answer;
    }
    if (const auto* opening = std::get_if<api::PinOpeningStep>(&step)) open(*opening, result);
    if (const auto* proof = std::get_if<api::PinProofStep>(&step)) {
      heard.push_back("03 " + to_hex(proof->apdu));
      result.response = proof_answer;
      pending_record_ = proof->record;
      lent = proof->secret;
      new_copy = proof->secret_copy;
    }
    return result;
  }

  void open(const api::PinOpeningStep& step, api::StepResult& result) {
    heard.push_back("02 " + to_hex(step.apdu) + (step.well_formed ? "" : " bad") +
                    (step.new_well_formed ? "" : " new-bad") +
                    (step.new_factory_value ? " new-factory" : ""));
    const bool changes = step.apdu[1] != 0x20;
    if (!step.well_formed || (changes && !step.new_well_formed)) {
      result.response = {0x6A, 0x80};
      return;
    }
    ++openings;
    const std::uint8_t shown = step.apdu[1] == 0x2C ? kPuk : step.apdu[3];
    const auto context =
        opaque::encode(opaque::LoginContext{kTenant, kCard, shown, exporter, "thumb", Bytes(32, 0x5A)});
    login_ =
        opaque::respond(keys_, records_[shown], identifier(shown, nonces_[shown]), step.ke1, context).value();
    result.response = {0x63, 0xC2};
    api::PinChallenge challenge;
    challenge.ke2 = login_->ke2;
    challenge.ksf = to_bytes(opaque::encode(kQuick));
    challenge.new_ksf = challenge.ksf;
    challenge.generation = 7;
    challenge.secret_copy = copy;
    if (!step.new_value.empty()) {
      new_nonce_ = Bytes(16, 0xEE);
      challenge.new_value =
          opaque::registration_response(keys_, identifier(step.apdu[3], new_nonce_), step.new_value).value();
    }
    result.challenge = std::move(challenge);
  }

  opaque::ServerKeys keys_ = opaque::make_server_keys(Secret<64>{}, Secret<32>{}).value();
  std::map<std::uint8_t, Bytes> records_;
  std::map<std::uint8_t, Bytes> nonces_;
  Bytes new_nonce_;
  Bytes pending_record_;
  std::optional<opaque::ServerLogin> login_;
  std::optional<api::record::Opener> opener_;
  std::optional<api::record::Sealer> sealer_;
  std::map<std::uint64_t, Bytes> replies_;
};

class Keeper final : public api::ProofKeeper {
 public:
  Result<void> keep(std::uint8_t reference, const Proof& proof) override {
    if (full) return fail(Errc::unavailable, "the disk is full");
    proofs[reference] = proof;
    return {};
  }
  void forget(std::uint8_t reference) override { proofs.erase(reference); }
  std::optional<Proof> kept(std::uint8_t reference) override {
    const auto at = proofs.find(reference);
    return at == proofs.end() ? std::nullopt : std::optional{at->second};
  }

  bool full = false;
  std::map<std::uint8_t, Proof> proofs;
};

struct Bench {
  PlayedServer server;
  Keeper keeper;
  api::RemoteCard card{server.session(), [this](BytesView octets) { return server(octets); }, &keeper};

  std::string send(std::string_view apdu) {
    const auto answer = card.transmit(hex(apdu));
    return answer ? to_hex(*answer) : "error: " + answer.error().what;
  }
};

constexpr const char* kRight = "0020008008313233343536FFFF";
constexpr const char* kWrong = "0020008008393939393939FFFF";
constexpr const char* kStripped = "00200080080000000000000000";
using Heard = std::vector<std::string>;

}  // namespace

TEST_CASE("[C2] a right PIN: 9000 after one round trip, its proof in front of the next command") {
  Bench it;
  CHECK(it.send(kRight) == "9000");
  CHECK(it.server.heard == Heard{"02 " + std::string{kStripped}});
  CHECK(it.card.owes_proof());
  CHECK(it.send("00CB3FFF") == "9000");
  CHECK_FALSE(it.card.owes_proof());
  CHECK(it.server.heard ==
        Heard{"02 " + std::string{kStripped}, "+", "03 " + std::string{kStripped}, "01 00CB3FFF"});
  // From now on everything travels in records.
  CHECK(it.send("00CB3FFF") == "9000");
  CHECK(it.server.bodies.size() == 3);
  CHECK(api::is_sealed(it.server.bodies[2]));
}

TEST_CASE("[C3] a wrong PIN: the server's counter, and nothing more is sent") {
  Bench it;
  CHECK(it.send(kWrong) == "63C2");
  CHECK_FALSE(it.card.owes_proof());
  CHECK(it.send("00CB3FFF") == "9000");
  CHECK(it.server.heard == Heard{"02 " + std::string{kStripped}, "01 00CB3FFF"});
  CHECK(it.send(kRight) == "9000");
}

TEST_CASE("[C2] the proof goes by itself where nothing follows, and before a reset") {
  Bench it;
  CHECK(it.send(kRight) == "9000");
  REQUIRE(it.card.settle());
  CHECK(it.server.heard == Heard{"02 " + std::string{kStripped}, "+", "03 " + std::string{kStripped}});
  CHECK(it.send(kRight) == "9000");
  it.card.owe_reset();
  REQUIRE(it.card.settle());
  const Heard end{"+", "03 " + std::string{kStripped}, "reset"};
  CHECK(std::equal(end.rbegin(), end.rend(), it.server.heard.rbegin()));
}

TEST_CASE("[C2] a chain is opened by its last part and proven as a whole: its parts are used up by then") {
  Bench it;
  CHECK(it.send("1020008003313233") == "9000");
  CHECK(it.send("0020008005343536FFFF") == "9000");
  REQUIRE(it.card.settle());
  CHECK(it.server.heard ==
        Heard{"01 1020008003000000", "02 00200080050000000000", "+", "03 " + std::string{kStripped}});
}

TEST_CASE("[C5] a PIN that the form refuses spends no try: the card says so") {
  Bench it;
  CHECK(it.send("002000800831323334FFFFFFFF") == "6A80");
  CHECK(it.send("0024008010313233343536FFFF313131313131FFFF") == "6A80");
  CHECK(it.send("00240080083132333435363738") == "6A80");
  CHECK(it.server.openings == 0);
  CHECK(it.server.heard == Heard{"02 00200080080000000000000000 bad",
                                 "02 002400801000000000000000000000000000000000 new-bad",
                                 "02 00240080080000000000000000 bad new-bad"});
}

TEST_CASE("[C5] Yubico's form compares the old value first, whatever the new one is") {
  Bench it;
  it.server.form = api::PinForm::padded;
  api::RemoteCard card{it.server.session(), [&it](BytesView octets) { return it.server(octets); }};
  it.server.proof_answer = {0x6A, 0x80};
  CHECK(to_hex(card.transmit(hex("002C008010FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF")).value()) == "63C2");
  CHECK(it.server.heard == Heard{"02 002C00801000000000000000000000000000000000"});
  CHECK(to_hex(card.transmit(hex("002C0080103132333435363738FFFFFFFFFFFFFFFF")).value()) == "6A80");
  CHECK(it.server.heard.back() == "03 002C00801000000000000000000000000000000000");
}

TEST_CASE("[D1] a new value that is the factory's is taken where the form takes it, and the server is told") {
  Bench it;
  it.server.form = api::PinForm::padded;
  api::RemoteCard card{it.server.session(), [&it](BytesView octets) { return it.server(octets); }};
  const auto said = [&](std::string_view apdu) {
    (void)card.transmit(hex(apdu));
    return it.server.heard.at(it.server.heard.size() - (it.server.heard.back().starts_with("03") ? 3 : 1));
  };
  const std::string change = "02 002400801000000000000000000000000000000000";
  const std::string puk = "02 002400811000000000000000000000000000000000";
  const std::string unblock = "02 002C00801000000000000000000000000000000000";
  CHECK(said("0024008010313233343536FFFF313233343536FFFF") == change + " new-factory");
  CHECK(said("0024008010313233343536FFFF3132333435363738") == change);  // the PUK's is another PIN
  CHECK(said("002400811031323334353637383132333435363738") == puk + " new-factory");
  CHECK(said("00240081103132333435363738313233343536FFFF") == puk);
  CHECK(said("002C0080103132333435363738313233343536FFFF") == unblock + " new-factory");
}

TEST_CASE("[C2] CHANGE REFERENCE DATA: the record of the new value, and the answer that it is stored") {
  Bench it;
  CHECK(it.send("0024008010313233343536FFFF343832393133FFFF") == "9000");
  CHECK_FALSE(it.card.owes_proof());
  CHECK(it.server.heard.back() == "03 002400801000000000000000000000000000000000");
  it.server.adopt(kPin);
  CHECK(it.send(kRight) == "63C2");
  CHECK(it.send("0020008008343832393133FFFF") == "9000");
}

TEST_CASE("[C2] CHANGE REFERENCE DATA that the card refuses after all is answered as the card answers") {
  Bench it;
  it.server.proof_answer = {0x65, 0x81};
  CHECK(it.send("0024008010313233343536FFFF343832393133FFFF") == "6581");
  CHECK(it.send("0024008010393939393939FFFF343832393133FFFF") == "63C2");
}

TEST_CASE("[C2] RESET RETRY COUNTER shows the PUK and sets the PIN") {
  Bench it;
  CHECK(it.send("002C0080103132333435363738343832393133FFFF") == "9000");
  it.server.adopt(kPin);
  CHECK(it.send("0020008008343832393133FFFF") == "9000");
}

TEST_CASE("[C2] a PIN under a class of secure messaging: zeroes go, and the answer is the card's") {
  Bench it;
  it.server.command_answer = {0x68, 0x82};
  CHECK(it.send("0C20008008313233343536FFFF") == "6882");
  CHECK(it.send("0424008010313233343536FFFF343832393133FFFF") == "6882");
  CHECK(it.server.heard ==
        Heard{"01 0C200080080000000000000000", "01 042400801000000000000000000000000000000000"});
  CHECK(it.server.openings == 0);
}

TEST_CASE(
    "[A6][C2] an agreement on keys is noticed when the card has answered it, and forgotten with a reset") {
  Bench it;
  const std::string wrapped = "0C2000801D87110100112233445566778899AABBCCDDEEFF8E08A1B2C3D4E5F60718";
  const std::string withheld = "0C2000801D" + std::string(58, '0');
  CHECK(it.send("00872704047C028200") == "9000");
  CHECK(it.send(wrapped) == "9000");
  CHECK(it.server.heard.back() == "01 " + wrapped);
  it.card.owe_reset();
  SUBCASE("in front of the next command") {}
  SUBCASE("that went by itself") {
    REQUIRE(it.card.settle());
  }
  CHECK(it.send(wrapped) == "9000");
  CHECK(it.server.heard.back() == "01 " + withheld);
}

TEST_CASE("[C2] what is sent contains no octet of a value") {
  Bench it;
  const Bytes values[] = {hex("313233343536FFFF"), hex("393939393939FFFF"), hex("343832393133FFFF")};
  (void)it.send(kWrong);
  (void)it.send("10200080043132333435");
  (void)it.send("102000800431323334");
  (void)it.send("00200080043536FFFF");
  (void)it.send("0024008010313233343536FFFF343832393133FFFF");
  for (const auto& body : it.server.bodies) {
    for (const auto& value : values) {
      for (std::size_t i = 0; i + 4 <= value.size() - 2; ++i)  // any four characters in a row
        CHECK(std::search(body.begin(), body.end(), value.begin() + static_cast<std::ptrdiff_t>(i),
                          value.begin() + static_cast<std::ptrdiff_t>(i + 4)) == body.end());
    }
  }
}

TEST_CASE("[B4] the card's secret is lent with the proof, and copied for the holder of a new value") {
  Bench it;
  Bytes export_key;
  it.server.set(kPin, "313233343536FFFF", &export_key);
  it.server.copy = api::card_secret::seal_copy({kTenant, kCard, "pin"}, export_key, it.server.secret).value();
  CHECK(it.send("0024008010313233343536FFFF343832393133FFFF") == "9000");
  CHECK(to_hex(it.server.lent) == to_hex(it.server.secret.private_key.expose()));
  const auto subject = api::card_secret::subject_of(it.server.new_copy);
  REQUIRE(subject);
  CHECK(*subject == it.server.secret.public_key);
  CHECK(it.server.new_copy != it.server.copy);
}

TEST_CASE("an exchange of which nobody knows whether it arrived goes first, with the same octets") {
  Bench it;
  CHECK(it.send(kRight) == "9000");
  it.server.lost = 1;
  const auto first = it.card.settle();
  REQUIRE(!first);
  CHECK(first.error().code == Errc::unavailable);
  CHECK(it.card.owes_proof());
  CHECK(it.send("00CB3FFF") == "9000");
  REQUIRE(it.server.bodies.size() == 4);
  CHECK(it.server.bodies[1] == it.server.bodies[2]);
  CHECK(std::ranges::count(it.server.heard, "03 " + std::string{kStripped}) == 1);
}

TEST_CASE("a proof that the card does not take any more is an error, not a silence") {
  Bench it;
  CHECK(it.send(kRight) == "9000");
  it.server.proof_answer = {0x63, 0xC2};
  CHECK(it.send("00CB3FFF") == "error: the card changed while a PIN was being verified");
}

TEST_CASE("[C2] where the channel is bound, a login through somebody's TLS is a wrong PIN [RFC9266]") {
  PlayedServer server;
  server.exporter = Bytes(32, 1);
  server.exporter_seen_by_client = Bytes(32, 1);
  api::RemoteCard bound{server.session(), [&server](BytesView octets) { return server(octets); }};
  CHECK(to_hex(bound.transmit(hex(kRight)).value()) == "9000");

  PlayedServer inspected;
  inspected.exporter = Bytes(32, 1);
  inspected.exporter_seen_by_client = Bytes(32, 2);
  api::RemoteCard fooled{inspected.session(), [&inspected](BytesView octets) { return inspected(octets); }};
  CHECK(to_hex(fooled.transmit(hex(kRight)).value()) == "63C2");
}

TEST_CASE("[C2][C3] without a place that is safe for its proof, a right PIN is 9000 when it has arrived") {
  Bench it;
  const Heard both{"02 " + std::string{kStripped}, "+", "03 " + std::string{kStripped}};
  SUBCASE("no keeper") {
    api::RemoteCard bare{it.server.session(), [&it](BytesView octets) { return it.server(octets); }};
    CHECK(to_hex(bare.transmit(hex(kRight)).value()) == "9000");
    CHECK(it.server.heard == both);
    CHECK_FALSE(bare.owes_proof());
  }
  SUBCASE("a keeper that fails") {
    it.keeper.full = true;
    CHECK(it.send(kRight) == "9000");
    CHECK(it.server.heard == both);
    CHECK_FALSE(it.card.owes_proof());
  }
}

TEST_CASE("[C3] a proof is kept before 9000, and until the server has said that it has arrived") {
  Bench it;
  CHECK(it.send(kWrong) == "63C2");
  CHECK(it.keeper.proofs.empty());
  CHECK(it.send(kRight) == "9000");
  CHECK(it.keeper.proofs.count(kPin) == 1);
  it.server.lost = 1;
  CHECK_FALSE(it.card.settle());
  CHECK(it.keeper.proofs.count(kPin) == 1);
  CHECK(it.send("00CB3FFF") == "9000");
  CHECK(it.keeper.proofs.empty());
}

TEST_CASE("[C3] the proof of a change is kept as well, for as long as nobody knows whether it was made") {
  Bench it;
  it.server.lost = 0;
  SUBCASE("lost") {
    // The second exchange is the one with the proof.
    api::RemoteCard card{it.server.session(),
                         [&it](BytesView octets) {
                           if (api::is_sealed(octets)) it.server.lost = 1;
                           return it.server(octets);
                         },
                         &it.keeper};
    CHECK_FALSE(card.transmit(hex("002C0080103132333435363738343832393133FFFF")));
    CHECK(it.keeper.proofs.count(kPuk) == 1);
  }
  SUBCASE("made") {
    CHECK(it.send("002C0080103132333435363738343832393133FFFF") == "9000");
    CHECK(it.keeper.proofs.empty());
  }
}

TEST_CASE("[C3] the next session shows what the last one left, before anything else") {
  Bench it;
  CHECK(it.send(kRight) == "9000");
  const auto lost = it.keeper.proofs.at(kPin);
  const auto shown = "04 80 " + to_hex(lost);
  PlayedServer next;
  api::RemoteCard card{next.session(), [&next](BytesView octets) { return next(octets); }, &it.keeper};
  SUBCASE("and its try is back") {
    REQUIRE(card.show_late_proofs());
    CHECK(it.keeper.proofs.empty());
  }
  SUBCASE("or it is worth nothing") {
    next.late_answer = {0x6A, 0x88};
    REQUIRE(card.show_late_proofs());
    CHECK(it.keeper.proofs.empty());
  }
  SUBCASE("or nobody knows, and it stays") {
    next.late_answer = {0x6F, 0x00};
    REQUIRE(card.show_late_proofs());
    CHECK(it.keeper.proofs.at(kPin) == lost);
  }
  SUBCASE("or the network is gone, and it stays") {
    next.lost = 1;
    CHECK_FALSE(card.show_late_proofs());
    CHECK(it.keeper.proofs.at(kPin) == lost);
  }
  CHECK(next.heard == Heard{shown});
}

TEST_CASE("where nothing was left, nothing is said") {
  Bench it;
  REQUIRE(it.card.show_late_proofs());
  CHECK(it.server.bodies.empty());
}

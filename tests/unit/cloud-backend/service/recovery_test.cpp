// A holder who has forgotten the PIN, from the link to a signature with the old key; both halves, no network.

#include "cardea/service/recovery.h"

#include <algorithm>

#include "cardea/api/card_secret.h"
#include "cardea/api/opaque.h"
#include "cardea/api/recovery.h"
#include "fixture.h"

namespace cardea::test {
namespace {

namespace opaque = api::opaque;
namespace half = api::recovery;
using namespace std::chrono_literals;
using service::Recovery;

const Bytes kDigest(32, 0x3C);

SecretBytes text(std::string_view value) {
  return SecretBytes{as_bytes(value)};
}
Recovery::Elements elements(const std::array<api::oprf::Element, 3>& from) {
  return {to_bytes(from[0]), to_bytes(from[1]), to_bytes(from[2])};
}
std::array<api::oprf::Element, 3> elements(const Recovery::Elements& from) {
  std::array<api::oprf::Element, 3> out{};
  for (std::size_t i = 0; i < 3; ++i)
    std::ranges::copy(from[i], out[i].begin());
  return out;
}

/// A card that has left issuance, whose holder has left answers and two codes.
struct Forgetful : Furnished {
  store::CardRow row = issue();
  half::Subject subject{"org", row.id};
  Recovery recovery{world, cards, pins_taken(false)};
  std::vector<half::Code> codes;
  std::unique_ptr<card::KeyVault> keys;
  card::KeyHandle key;
  service::CardSecrets secrets{world};
  service::HeldSecret held{world, secrets, "org", row.id};

  Forgetful() {
    const auto pair = must(secrets.from_issuance("org", row.id));
    half::CardSecret secret;
    std::ranges::copy(pair.private_key.expose(), secret.expose().begin());

    const auto answers = must(half::Answers::start({text("rover"), text("stmarys"), text("1984")}));
    const auto evaluation = must(recovery.evaluate_for_enrolment(row.id, elements(answers.blinded())));
    const auto ksf = must(opaque::parse_ksf(evaluation.ksf));
    const auto copies = must(answers.protect(elements(evaluation.evaluated), ksf, subject, secret));
    must(recovery.keep_answers(
        row.id, {evaluation.nonce, evaluation.ksf, copies.copies, {"Pet?", "School?", "Year?"}, {}},
        "device:anns"));
    std::vector<store::RecoveryCode> rows;
    for (int i = 0; i < 2; ++i) {
      codes.push_back(half::Code::generate());
      rows.push_back({to_bytes(codes.back().name()), must(codes.back().protect(subject, secret))});
    }
    must(recovery.keep_codes(row.id, rows, "device:anns"));

    keys = vault::make_passcode_vault(vault.keys_of("org", row.id), "org", row.id, held);
    key = must(keys->generate({0x9A, 1, true}, card::Algorithm::p256));
    must(cards.activate(row.id, "administrator"));
    CHECK_FALSE(keys->ecdsa_sign(key, kDigest).has_value());
  }

  std::string link() { return must(recovery.new_link(row.id, "administrator")).token; }
  Bytes hash(const std::string& token) { return to_bytes(crypto.sha256(as_bytes(token))); }

  Result<half::CardSecret> by_answers(const std::string& token, std::array<SecretBytes, 3> given,
                                      Bytes& challenge) {
    const auto answers = must(half::Answers::start(std::move(given)));
    CARDEA_TRY(const auto attempt, recovery.try_answers(token, elements(answers.blinded())));
    challenge = attempt.challenge;
    half::AnswerCopies copies{must(opaque::parse_ksf(attempt.ksf)), {}};
    std::ranges::copy(attempt.copies, copies.copies.begin());
    return answers.recover(elements(attempt.evaluated), copies, subject);
  }

  Result<void> set_pin(const std::string& token, const half::CardSecret& secret, const Bytes& challenge,
                       std::string_view pin) {
    CARDEA_TRY(const auto answer, half::answer_challenge(secret, subject, hash(token), challenge));
    auto registration = must(opaque::ClientRegistration::start(text(pin)));
    CARDEA_TRY(const auto response, recovery.new_pin(token, registration.request()));
    const auto done =
        must(std::move(registration).finish(response.response, must(opaque::parse_ksf(response.ksf))));
    Secret<32> own;
    std::ranges::copy(secret.expose(), own.expose().begin());
    const auto pair = api::hpke::key_pair_of(std::move(own));
    const auto copy = must(
        api::card_secret::seal_copy({"org", row.id, api::card_secret::kPin}, done.export_key.expose(), pair));
    return recovery.complete(token, {to_bytes(answer.expose()), done.record, copy});
  }

  /// Logs in with the PIN as an agent does, and signs with the key from before.
  bool signs_with(std::string_view pin) {
    service::CardCopies copies{world, secrets, held, "org", row.id};
    service::PinKeyring ring{vault};
    service::Pins pins{database->pin_records(row.id),
                       {[&] { return ring.of("org"); }, clock, rng, &copies},
                       "org",
                       row.id,
                       pins_taken(true)};
    const auto verdict = must(pins.verify(card::PinRef::application, card::PlainPin{text(pin)}));
    return verdict.match && keys->ecdsa_sign(key, kDigest).has_value();
  }
};

TEST_CASE("recovery: two of three answers set a new PIN, and the old key signs [D5]") {
  Forgetful f;
  const auto token = f.link();
  const auto view = f.must(f.recovery.look(token));
  CHECK(view.card == f.row.id);
  CHECK(view.questions == std::vector<std::string>{"Pet?", "School?", "Year?"});
  CHECK(view.codes == 2);
  CHECK(view.attempts == 5);

  Bytes challenge;
  const auto secret = f.must(f.by_answers(token, {text("rover"), {}, text("1984")}, challenge));
  f.must(f.set_pin(token, secret, challenge, "471147"));
  CHECK(f.signs_with("471147"));
  CHECK(f.recovery.look(token).error().code == Errc::not_found);  // a link is for once
  const auto actions = f.actions(f.row.id);
  CHECK(std::ranges::count(actions, "recovery.link") == 1);
  CHECK(std::ranges::count(actions, "recovery.attempt") == 1);
  CHECK(std::ranges::count(actions, "recovery.complete") == 1);
}

TEST_CASE("recovery: a printed code does the same, once [D5]") {
  Forgetful f;
  const auto token = f.link();
  const auto& code = f.codes[0];
  const auto attempt = f.must(f.recovery.try_code(token, to_bytes(code.name())));
  const auto secret = f.must(code.open(f.subject, attempt.copies[0]));
  f.must(f.set_pin(token, secret, attempt.challenge, "471147"));
  CHECK(f.signs_with("471147"));

  const auto next = f.link();
  CHECK(f.must(f.recovery.look(next)).codes == 1);
  CHECK(f.recovery.try_code(next, to_bytes(code.name())).error() ==
        Error{Errc::denied, "the recovery code is unknown or was used already"});
}

TEST_CASE("recovery: five attempts a link, each spent before it is answered [D5]") {
  Forgetful f;
  const auto token = f.link();
  Bytes challenge;
  for (unsigned left = 5; left-- > 0;) {
    CHECK(f.by_answers(token, {text("rover"), text("wrong"), {}}, challenge).error().code == Errc::denied);
    CHECK(f.must(f.recovery.look(token)).attempts == left);
  }
  CHECK(f.by_answers(token, {text("rover"), text("stmarys"), {}}, challenge).error() ==
        Error{Errc::exhausted, "the recovery link has no attempts left"});
}

TEST_CASE("recovery: without the card's secret no PIN is set, whatever else is known [D5][B4]") {
  Forgetful f;
  const auto token = f.link();
  Bytes challenge;
  CHECK_FALSE(f.by_answers(token, {text("rover"), text("wrong"), {}}, challenge).has_value());
  auto registration = f.must(opaque::ClientRegistration::start(text("666666")));
  const auto response = f.must(f.recovery.new_pin(token, registration.request()));
  const auto done = f.must(std::move(registration).finish(response.response, f.pins_taken(false).ksf));
  const auto copy = f.must(f.database->secret_copy(f.row.id, "pin"));
  const Error refused{Errc::denied, "the card's secret was not shown"};
  CHECK(f.recovery.complete(token, {Bytes(32, 0), done.record, copy}).error() == refused);
  // And not a second time for the same attempt.
  CHECK(f.recovery.complete(token, {Bytes(32, 0), done.record, copy}).error() ==
        Error{Errc::denied, "there is no attempt to complete"});
}

TEST_CASE("recovery: a link lasts half an hour, and three a day are enough [D5]") {
  Forgetful f;
  const auto token = f.link();
  f.clock.advance(30min);
  CHECK(f.recovery.look(token).error() == Error{Errc::denied, "the recovery link has expired"});
  (void)f.link();
  (void)f.link();
  CHECK(f.recovery.new_link(f.row.id, "administrator").error() ==
        Error{Errc::exhausted, "the card got 3 recovery links today"});
}

TEST_CASE("recovery: it was not me [D5]") {
  Forgetful f;
  const auto token = f.link();
  f.must(f.recovery.disown(token));
  CHECK(f.must(f.database->card(f.row.id)).state == store::CardState::blocked);
  CHECK(f.recovery.look(token).error().code == Errc::not_found);
}

TEST_CASE("recovery: a link for a card whose holder left nothing is not made") {
  Furnished f;
  Recovery recovery{f.world, f.cards, f.pins_taken(false)};
  const auto card = f.issue();
  CHECK(recovery.new_link(card.id, "administrator").error() ==
        Error{Errc::denied, "the card's holder has left no codes and no answers: a link would open nothing"});
}

TEST_CASE("recovery: what is malformed costs no attempt") {
  Forgetful f;
  const auto token = f.link();
  CHECK(f.recovery.try_answers(token, {Bytes(32, 0), Bytes(32, 1), Bytes(31, 1)}).error() ==
        Error{Errc::invalid, "these are no blinded answers"});
  CHECK(f.recovery.look("no such link").error().code == Errc::not_found);
  CHECK(f.must(f.recovery.look(token)).attempts == 5);
  CHECK(f.recovery.keep_codes(f.row.id, {{Bytes(32, 1), Bytes(60, 1)}}, "x").error() ==
        Error{Errc::invalid, "this is no copy of a card's secret"});
}

}  // namespace
}  // namespace cardea::test

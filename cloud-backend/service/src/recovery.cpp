#include "cardea/service/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "card_note.h"
#include "cardea/api/opaque.h"
#include "cardea/api/recovery.h"

namespace cardea::service {
namespace {

namespace opaque = api::opaque;
namespace recovery = api::recovery;

// Part of what every enrolment is made under: never change it.
constexpr std::string_view kSeed = "cardea recovery answers seed";
constexpr std::size_t kSeedSize = 64;
constexpr std::size_t kNonce = 16;
constexpr std::size_t kChallenge = 32;
constexpr std::size_t kTokenOctets = 32;

constexpr std::string_view kHolder = "holder by recovery link";

Result<void> check_elements(const Recovery::Elements& elements) {
  if (std::ranges::all_of(elements, [](const Bytes& element) { return api::oprf::acceptable(element); })) {
    return {};
  }
  return fail(Errc::invalid, "these are no blinded answers");
}

}  // namespace

Recovery::Recovery(World world, Cards& cards, PinOptions pins, RecoveryLimits limits)
    : world_{world}, cards_{cards}, pins_{pins}, limits_{limits}, pin_keys_{world.vault}, secrets_{world} {}

Bytes Recovery::hash_of(std::string_view token) const {
  return to_bytes(world_.crypto.sha256(as_bytes(token)));
}

Result<api::oprf::KeyPair> Recovery::function_of(const store::CardRow& row, BytesView nonce) {
  CARDEA_TRY(const auto secret, world_.vault.tenant_secret(row.organisation, kSeed, kSeedSize));
  if (secret.size() != kSeedSize) return fail(Errc::corrupt, "a tenant's secret has the wrong size");
  Secret<kSeedSize> seed;
  std::ranges::copy(secret.expose(), seed.expose().begin());
  return recovery::answer_key(seed, {row.organisation, row.id}, nonce);
}

Result<Recovery::Elements> Recovery::evaluate(const store::CardRow& row, BytesView nonce,
                                              const Elements& blinded) {
  CARDEA_TRY(const auto function, function_of(row, nonce));
  Elements out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    CARDEA_TRY(const auto element, api::oprf::evaluate(function.private_key, blinded[i]));
    out[i] = to_bytes(element);
  }
  return out;
}

Result<void> Recovery::note(const store::CardRow& row, const std::string& actor, std::string_view action,
                            bool success, std::string detail) {
  return note_card(world_, row, actor, action, success, std::move(detail));
}

Result<Recovery::Evaluation> Recovery::evaluate_for_enrolment(const std::string& card,
                                                              const Elements& blinded) {
  CARDEA_CHECK(check_elements(blinded));
  CARDEA_TRY(const auto row, world_.database.card(card));
  Evaluation out{Bytes(kNonce), {}, to_bytes(opaque::encode(pins_.ksf))};
  world_.rng.fill(out.nonce);
  CARDEA_TRY(out.evaluated, evaluate(row, out.nonce, blinded));
  return out;
}

Result<void> Recovery::keep_answers(const std::string& card, store::RecoveryAnswers answers,
                                    const std::string& actor) {
  CARDEA_CHECK(opaque::parse_ksf(answers.ksf));
  if (answers.nonce.size() != kNonce) return fail(Errc::invalid, "an enrolment's nonce has 16 octets");
  for (const auto& copy : answers.copies) {
    if (copy.size() != recovery::kCopySize) return fail(Errc::invalid, "this is no copy of a card's secret");
  }
  answers.created_at = world_.clock.now();
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_CHECK(world_.database.set(card, answers));
  return note(row, actor, "recovery.answers", true);
}

Result<void> Recovery::keep_codes(const std::string& card, const std::vector<store::RecoveryCode>& codes,
                                  const std::string& actor) {
  if (codes.size() > limits_.most_codes) {
    return fail(Errc::invalid, fmt::format("a card has at most {} recovery codes", limits_.most_codes));
  }
  for (const auto& code : codes) {
    if (code.copy.size() != recovery::kCopySize)
      return fail(Errc::invalid, "this is no copy of a card's secret");
  }
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_CHECK(world_.database.set(card, codes));
  return note(row, actor, "recovery.codes", true, fmt::format(R"({{"codes":{}}})", codes.size()));
}

Result<Recovery::Standing> Recovery::standing(const std::string& card) {
  Standing standing;
  CARDEA_TRY(standing.codes, world_.database.recovery_codes(card));
  const auto answers = world_.database.recovery_answers(card);
  if (!answers && answers.error().code != Errc::not_found) return tl::unexpected{answers.error()};
  standing.answers = answers.has_value();
  CARDEA_TRY(standing.workstations, world_.database.recovery_halves(card));
  return standing;
}

Result<Recovery::Link> Recovery::new_link(const std::string& card, const std::string& actor, bool assisted) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_TRY(const auto left, standing(row.id));
  if (left.codes == 0 && !left.answers && (!assisted || left.workstations == 0)) {
    return fail(Errc::denied,
                "the card's holder has left no codes and no answers: a link would open nothing");
  }
  Link link{new_token(world_.rng, kTokenOctets), world_.clock.now() + limits_.life};
  store::RecoveryLink stored;
  stored.hash = hash_of(link.token);
  stored.card = row.id;
  stored.actor = actor;
  stored.created_at = world_.clock.now();
  stored.expires_at = link.expires;
  stored.attempts = limits_.attempts;
  stored.assisted = assisted;
  const auto added = world_.database.add(stored, limits_.links_a_day);
  CARDEA_CHECK(
      note(row, actor, "recovery.link", added.has_value(), fmt::format(R"({{"assisted":{}}})", assisted)));
  CARDEA_CHECK(added);
  return link;
}

Result<Recovery::View> Recovery::look(std::string_view token) {
  CARDEA_TRY(const auto link, world_.database.recovery_link(hash_of(token), world_.clock.now()));
  CARDEA_TRY(const auto row, world_.database.card(link.card));
  const auto* profile = card::find_profile(row.profile);
  if (profile == nullptr) return fail(Errc::corrupt, "card " + row.id + " has an unknown profile");
  View view{row.id,        row.organisation, row.label,        {},           0,
            link.attempts, link.expires_at,  !profile->yubico, link.assisted};
  CARDEA_TRY(view.codes, world_.database.recovery_codes(row.id));
  const auto answers = world_.database.recovery_answers(row.id);
  if (answers) view.questions.assign(answers->questions.begin(), answers->questions.end());
  return view;
}

Result<store::RecoveryLink> Recovery::spend(const Bytes& hash) {
  auto link = world_.database.spend_recovery_attempt(hash, world_.clock.now());
  if (!link) return link;
  CARDEA_TRY(const auto row, world_.database.card(link->card));
  CARDEA_CHECK(note(row, std::string{kHolder}, "recovery.attempt", true,
                    fmt::format(R"({{"attempts_left":{}}})", link->attempts)));
  return link;
}

/// Sealed to the card's public key: the answer shows that the attempt was right.
Result<Bytes> Recovery::challenge(const Bytes& hash, const store::CardRow& row, std::optional<Bytes> code,
                                  store::Time expires, std::string_view by) {
  Open open{Bytes(kChallenge), std::move(code), by, {}, expires};
  world_.rng.fill(open.challenge);
  CARDEA_TRY(auto sealed,
             recovery::make_challenge(row.public_key, {row.organisation, row.id}, hash, open.challenge));
  const std::lock_guard lock{mutex_};
  const auto now = world_.clock.now();
  std::erase_if(open_, [now](const auto& entry) { return entry.second.expires <= now; });
  open_[hash] = std::move(open);
  return sealed;
}

Result<Recovery::Attempt> Recovery::try_answers(std::string_view token, const Elements& blinded) {
  CARDEA_CHECK(check_elements(blinded));
  const auto hash = hash_of(token);
  CARDEA_TRY(const auto looked, world_.database.recovery_link(hash, world_.clock.now()));
  CARDEA_TRY(const auto row, world_.database.card(looked.card));
  CARDEA_TRY(const auto answers, world_.database.recovery_answers(row.id));
  CARDEA_TRY(const auto link, spend(hash));
  Attempt attempt;
  CARDEA_TRY(attempt.evaluated, evaluate(row, answers.nonce, blinded));
  attempt.copies.assign(answers.copies.begin(), answers.copies.end());
  attempt.ksf = answers.ksf;
  attempt.attempts_left = link.attempts;
  CARDEA_TRY(attempt.challenge, challenge(hash, row, std::nullopt, link.expires_at, "answers"));
  return attempt;
}

Result<Recovery::Attempt> Recovery::try_code(std::string_view token, const Bytes& name) {
  const auto hash = hash_of(token);
  CARDEA_TRY(const auto link, spend(hash));
  CARDEA_TRY(const auto row, world_.database.card(link.card));
  auto copy = world_.database.recovery_copy(row.id, name);
  if (!copy && copy.error().code == Errc::not_found) return fail(Errc::denied, copy.error().what);
  if (!copy) return tl::unexpected{copy.error()};
  Attempt attempt;
  attempt.copies.push_back(*std::move(copy));
  attempt.attempts_left = link.attempts;
  CARDEA_TRY(attempt.challenge, challenge(hash, row, name, link.expires_at, "code"));
  return attempt;
}

Result<Recovery::Open> Recovery::opened(const Bytes& hash, bool take) {
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(hash);
  if (found == open_.end() || found->second.expires <= world_.clock.now()) {
    return fail(Errc::denied, "there is no attempt to complete");
  }
  auto open = found->second;
  if (take) open_.erase(found);
  return open;
}

Result<Recovery::Registration> Recovery::new_pin(std::string_view token, BytesView registration_request) {
  const auto hash = hash_of(token);
  CARDEA_CHECK(opened(hash, false));
  CARDEA_TRY(const auto link, world_.database.recovery_link(hash, world_.clock.now()));
  CARDEA_TRY(const auto row, world_.database.card(link.card));
  CARDEA_TRY(const auto keys, pin_keys_.of(row.organisation));
  Bytes nonce(kNonce);
  world_.rng.fill(nonce);
  CARDEA_TRY(auto response,
             opaque::registration_response(
                 *keys, pin_identifier(row.organisation, row.id, card::PinRef::application, nonce),
                 registration_request));
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(hash);
  if (found == open_.end()) return fail(Errc::denied, "there is no attempt to complete");
  found->second.nonce = std::move(nonce);
  return Registration{std::move(response), to_bytes(opaque::encode(pins_.ksf))};
}

Result<void> Recovery::complete(std::string_view token, const Completion& completion) {
  const auto hash = hash_of(token);
  CARDEA_TRY(const auto open, opened(hash, true));
  CARDEA_TRY(const auto link, world_.database.recovery_link(hash, world_.clock.now()));
  CARDEA_TRY(const auto row, world_.database.card(link.card));
  const std::string actor{kHolder};
  if (!constant_time_equal(open.challenge, completion.answer)) {
    CARDEA_CHECK(note(row, actor, "recovery.complete", false));
    return fail(Errc::denied, "the card's secret was not shown");
  }
  if (open.nonce.empty()) return fail(Errc::invalid, "the new PIN was not registered");
  CARDEA_CHECK(opaque::check_record(completion.record));
  CARDEA_TRY(auto copy, secrets_.accept(row.id, card::PinRef::application, completion.secret_copy));
  const store::PinRecordUpdate update{card::PinRef::application,
                                      {open.nonce, to_bytes(opaque::encode(pins_.ksf)), completion.record},
                                      false,
                                      std::nullopt,
                                      std::move(copy),
                                      std::nullopt,
                                      open.by == "escrow"};
  CARDEA_CHECK(world_.database.pin_records(row.id)->recover(update, row.public_key,
                                                            {hash, open.code, world_.clock.now()}));
  // Whoever came in with the old PIN is out.
  cards_.end_sessions(row.id, SessionEnd::pin_recovered);
  return note(row, actor, "recovery.complete", true, fmt::format(R"({{"by":"{}"}})", open.by));
}

Result<void> Recovery::disown(std::string_view token) {
  const auto hash = hash_of(token);
  CARDEA_TRY(const auto link, world_.database.recovery_link(hash, world_.clock.now()));
  CARDEA_CHECK(cards_.block(link.card, std::string{kHolder}));
  return world_.database.end_recovery(hash, std::nullopt, world_.clock.now());
}

}  // namespace cardea::service

#include "cardea/service/card_sessions.h"

#include <sodium.h>

#include "session_registry.h"
#include "taking_into_use.h"

namespace cardea::service {
namespace {

constexpr std::size_t kIdOctets = 16;
constexpr std::size_t kTokenOctets = 32;

tl::unexpected<Error> gone() {
  return fail(Errc::not_found, "the card session has ended");
}

/// Before a card is in use, it is the registration authority's; a blank one is with the device that asked for
/// it, an issued one waits for a device of its holder.
Result<void> check_issuance(const store::CardRow& row, const Caller& caller) {
  const bool registrar = caller.role == store::DeviceRole::registrar;
  if (row.issuance == store::Issuance::none) return {};
  if (row.issuance == store::Issuance::issued) {
    if (registrar || (row.holder && row.holder == caller.person)) return {};
    return fail(Errc::denied, "the card is issued and waits until its holder is enrolled");
  }
  if (!registrar) return fail(Errc::denied, "the card is being issued");
  const bool elsewhere =
      row.issuance == store::Issuance::blank && row.asked && row.asked->device != caller.device;
  if (elsewhere) return fail(Errc::denied, "the blank card was handed to another workstation");
  return {};
}

Result<void> may_be_used(const store::CardRow& row, const Caller& caller) {
  if (row.state != store::CardState::active) return fail(Errc::denied, "the card is blocked");
  return check_issuance(row, caller);
}

/// Octets in the data field, as far as the length fields say; for the log.
std::size_t lc_of(BytesView apdu) {
  if (apdu.size() <= 5) return 0;
  if (apdu[4] != 0) return apdu[4];
  return apdu.size() > 7 ? static_cast<std::size_t>(read_be(apdu.subspan(5, 2))) : 0;
}

}  // namespace

CardSessions::CardSessions(World world, SessionLimits limits, PinOptions pins)
    : world_{world},
      limits_{limits},
      pin_options_{std::move(pins)},
      pin_keys_{world.vault},
      secrets_{std::make_unique<CardSecrets>(world)},
      registry_{std::make_unique<Registry>()},
      state_key_{crypto_generichash_KEYBYTES} {
  world_.rng.fill(state_key_.expose());
}

CardSessions::~CardSessions() {
  end_all();
}

Result<OpenedSession> CardSessions::open(const Caller& caller, const std::string& card,
                                         Bytes access_token_hash) {
  const auto found = world_.devices.card(caller, card);
  if (!found) {
    // Perhaps because somebody changed the very row that says whose it is. The caller is told nothing else,
    // the alarm is given all the same.
    (void)world_.database.changes().check_card(card, caller.device);
    return tl::unexpected{found.error()};
  }
  // What the session is made of, and keeps, is the row that was compared.
  CARDEA_TRY(const auto row, world_.database.changes().checked_card(card, caller.device));
  CARDEA_CHECK(identity::may_open(caller, row));
  const auto* profile = card::find_profile(row.profile);
  if (profile == nullptr) {
    return fail(Errc::corrupt, "card " + row.id + " has an unknown profile, " + row.profile);
  }

  OpenedSession opened{new_token(world_.rng, kIdOctets),
                       new_token(world_.rng, kTokenOctets),
                       row.id,
                       row.label,
                       std::string{profile->name},
                       to_bytes(profile->atr),
                       row.organisation,
                       pin_options_.bind_channel,
                       !profile->yubico};
  const auto session =
      std::make_shared<Session>(world_, *secrets_, pin_keys_, pin_options_, caller, row, *profile);
  session->pins.bind({caller.device, std::move(access_token_hash), {}});
  session->id = opened.id;
  session->token_hash = world_.crypto.sha256(as_bytes(opened.token));
  world_.rng.fill(session->salt);
  session->opened = world_.clock.now();
  session->last_used = session->opened.time_since_epoch().count();
  session->card.reset();
  CARDEA_CHECK(may_be_used(row, caller));  // else nobody gives way
  CARDEA_CHECK(admit(session));

  // Looked at only now that a block or a revocation would find the session: whichever of the two comes second
  // sees the other, so none slips through between.
  const auto device = world_.devices.find(caller.device);
  auto verdict = [&]() -> Result<void> {
    CARDEA_TRY(const auto state, world_.database.changes().checked_card(card, caller.device));
    CARDEA_CHECK(may_be_used(state, caller));
    if (!device) return tl::unexpected{device.error()};
    if (session->ended) return gone();
    return take_into_use(world_, state, caller);
  }();
  if (!verdict) {
    session->ended = true;
    registry_->remove(session);
    return tl::unexpected{std::move(verdict).error()};
  }
  world_.observer.session_opened(opened.id, row.id, caller.device);
  return opened;
}

/// A device whose agent was killed does not come back to its sessions, and must not wait until they idle out.
Result<void> CardSessions::admit(const std::shared_ptr<Session>& session) {
  for (;;) {
    auto admitted = registry_->add(session, limits_);
    if (admitted) return admitted;
    const auto other = registry_->to_give_way(session->device, limits_.per_device);
    if (other == nullptr) return admitted;
    end({other}, SessionEnd::displaced);
  }
}

Result<std::shared_ptr<CardSessions::Session>> CardSessions::find(std::string_view session,
                                                                  std::string_view token) const {
  auto found = registry_->find(session);
  if (found == nullptr) return gone();
  const auto hash = world_.crypto.sha256(as_bytes(token));
  if (!constant_time_equal(hash, found->token_hash)) return gone();
  return found;
}

std::optional<SessionEnd> CardSessions::overdue(const Session& session) const {
  const auto now = world_.clock.now();
  if (now - session.opened >= limits_.lifetime) return SessionEnd::lifetime;
  const store::Time last_used{store::Time::duration{session.last_used.load()}};
  if (now - last_used >= limits_.idle) return SessionEnd::idle;
  return std::nullopt;
}

Result<Bytes> CardSessions::exchange(std::string_view session_id, std::string_view token,
                                     const api::Exchange& exchange) {
  auto body = api::encode(exchange);
  const WipeOnExit wiping{body};
  return this->exchange(session_id, token, BytesView{body});
}

Result<Bytes> CardSessions::exchange(std::string_view session_id, std::string_view token, BytesView body,
                                     BytesView tls_exporter) {
  CARDEA_CHECK(api::sequence_of(body));
  CARDEA_TRY(const auto found, find(session_id, token));
  auto& session = *found;
  const std::lock_guard strand{session.mutex};
  if (const auto reason = overdue(session); reason && !session.ended) end({found}, *reason);
  if (session.ended) return gone();
  session.pins.bind_channel(tls_exporter);
  return run(session, body);
}

/// Under the session's mutex.
Result<Bytes> CardSessions::run(Session& session, BytesView body) {
  session.last_used = world_.clock.now().time_since_epoch().count();
  CARDEA_TRY(const auto sequence, api::sequence_of(body));
  const auto last = session.sequence.load();
  const auto digest = world_.crypto.sha256(body);
  if (last != 0 && sequence == last) {
    if (digest != session.last_body) {
      return fail(Errc::conflict, "exchange " + std::to_string(last) + " of this session was another one");
    }
    world_.observer.exchange(0, true);
    return session.last_reply;
  }
  if (sequence != last + 1) {
    return fail(Errc::conflict, "the next exchange of this session is number " + std::to_string(last + 1));
  }
  CARDEA_TRY(auto exchange, unseal(session, body));
  api::ExchangeReply reply;
  reply.sequence = sequence;
  auto ran = run_steps(session, exchange, reply);
  for (auto& step : exchange.steps)
    api::wipe_secrets(step);
  session.pins.end_proven_login();
  CARDEA_CHECK(std::move(ran));

  auto octets = api::encode(reply);
  for (auto& result : reply.results)
    wipe(result.response);
  CARDEA_TRY(auto sealed, seal(session, sequence, std::move(octets)));
  wipe(session.last_reply);
  session.last_reply = std::move(sealed);
  session.last_body = digest;
  session.sequence = sequence;
  session.last_used = world_.clock.now().time_since_epoch().count();
  world_.observer.exchange(exchange.steps.size(), false);
  return session.last_reply;
}

Result<void> CardSessions::run_steps(Session& session, const api::Exchange& exchange,
                                     api::ExchangeReply& reply) {
  reply.results.reserve(exchange.steps.size());
  for (const auto& step : exchange.steps) {
    // A block may come between two steps. What ran has run, but its session is gone and nobody gets the
    // answers.
    if (session.ended) return gone();
    reply.results.push_back(run_step(session, step));
  }
  if (session.ended) return gone();
  return {};
}

/// What the body says; the first record after a login brings the login's proof with it.
Result<api::Exchange> CardSessions::unseal(Session& session, BytesView body) {
  if (!api::is_sealed(body)) {
    if (session.opener)
      return fail(Errc::conflict, "exchanges of this session are sealed since its PIN login");
    return api::parse_exchange(body);
  }
  CARDEA_TRY(const auto sealed, api::parse_sealed(body));
  if (sealed.ke3) {
    CARDEA_TRY(const auto proven, session.pins.prove(*sealed.ke3));
    const api::record::Binding binding{session.id, proven.generation};
    api::record::Opener opener{proven.session_key, api::record::Direction::to_server, binding,
                               sealed.sequence};
    CARDEA_TRY(auto plain, opener.open(sealed.sequence, sealed.record));
    session.opener.emplace(std::move(opener));
    session.sealer.emplace(proven.session_key, api::record::Direction::to_client, binding);
    return api::parse_exchange(plain.expose());
  }
  if (!session.opener) return fail(Errc::conflict, "this session has had no PIN login");
  CARDEA_TRY(const auto plain, session.opener->open(sealed.sequence, sealed.record));
  return api::parse_exchange(plain.expose());
}

Result<Bytes> CardSessions::seal(Session& session, std::uint64_t sequence, Bytes plain) {
  if (!session.sealer) return plain;
  const WipeOnExit wiping{plain};
  CARDEA_TRY(const auto record, session.sealer->seal(sequence, plain));
  return api::encode(api::SealedBody{sequence, std::nullopt, record});
}

namespace {

BytesView apdu_of(const api::Step& step) {
  if (const auto* command = std::get_if<api::CommandStep>(&step)) return command->apdu;
  if (const auto* opening = std::get_if<api::PinOpeningStep>(&step)) return opening->apdu;
  if (const auto* proof = std::get_if<api::PinProofStep>(&step)) return proof->apdu;
  return {};
}

/// In all three commands P2 names the PIN that may get a new value (ISO/IEC 7816-4, 11.5).
card::PinInput opening_of(const api::PinOpeningStep& step) {
  const bool puk = step.apdu.size() > 3 && step.apdu[3] == static_cast<std::uint8_t>(card::PinRef::puk);
  return {card::PinOpening{step.ke1, step.new_value, step.well_formed,
                           puk ? card::PinRef::puk : card::PinRef::application, step.new_well_formed,
                           step.new_factory_value},
          std::nullopt};
}

}  // namespace

/// The secret that the holder's client sends along is held before the command runs, and let go after it
/// unless that leaves the holder verified.
card::Outcome CardSessions::prove(Session& session, const api::PinProofStep& step) {
  const card::Outcome refused{{apdu::sw::kSecurityNotSatisfied.sw1(), apdu::sw::kSecurityNotSatisfied.sw2()},
                              card::Effect::effectful,
                              "(PIN login)"};
  if (!session.pins.proven()) return refused;
  if (!step.secret.empty()) {
    api::card_secret::Value secret;
    if (step.secret.size() != secret.size()) return refused;
    std::ranges::copy(step.secret, secret.expose().begin());
    if (!session.secret.hold(secret)) return refused;
  }
  card::PinInput input{card::PinProof{}, std::nullopt};
  if (!step.record.empty()) input.replacement = card::PinRegistration{step.record, step.secret_copy};
  return session.card.transmit(step.apdu, &input);
}

/// The card is not asked: no PIN is verified by it, and it may be blocked.
Bytes CardSessions::take_late_proof(Session& session, const api::LateProofStep& step) {
  const auto answer = [](apdu::StatusWord sw) { return Bytes{sw.sw1(), sw.sw2()}; };
  const auto ref = static_cast<card::PinRef>(step.reference);
  if (ref != card::PinRef::application && ref != card::PinRef::puk) {
    return answer(apdu::sw::kReferencedDataNotFound);
  }
  const auto verdict = session.pins.prove_late(ref, step.ke3);
  if (!verdict && verdict.error().code == Errc::exhausted) {
    return answer(apdu::sw::kConditionsNotSatisfied);
  }
  if (!verdict && verdict.error().code == Errc::not_found) {
    return answer(apdu::sw::kReferencedDataNotFound);
  }
  if (!verdict || !session.audit.record_refund(ref, *verdict)) return answer(apdu::sw::kUnspecified);
  return answer(verdict->match ? apdu::sw::kOk : apdu::sw::kReferencedDataNotFound);
}

/// Before a key is asked for, a card reads the PIN's row; where that is not what the server wrote, it may
/// refuse for another reason. Such answers are rare, and the rows are looked at before one is given.
void CardSessions::doubt(const Session& session, card::Outcome& outcome) {
  const auto n = outcome.response.size();
  if (n < 2) return;
  const apdu::StatusWord answer{outcome.response[n - 2], outcome.response[n - 1]};
  if (answer != apdu::sw::kReferencedDataNotFound && answer != apdu::sw::kAuthBlocked &&
      answer != apdu::sw::kSecurityNotSatisfied && answer != apdu::sw::kConditionsNotSatisfied) {
    return;
  }
  const auto right = world_.database.changes().check_card(session.card_id, session.device);
  if (right || right.error().code != Errc::corrupt) return;
  outcome.response = {apdu::sw::kMemoryFailure.sw1(), apdu::sw::kMemoryFailure.sw2()};
}

api::StepResult CardSessions::run_step(Session& session, const api::Step& step) {
  api::StepResult result;
  if (std::holds_alternative<api::ResetStep>(step)) {
    session.card.reset();
  } else if (const auto* late = std::get_if<api::LateProofStep>(&step)) {
    result.response = take_late_proof(session, *late);
  } else {
    const auto before = std::chrono::steady_clock::now();
    card::Outcome outcome;
    if (const auto* opening = std::get_if<api::PinOpeningStep>(&step)) {
      const auto input = opening_of(*opening);
      outcome = session.card.transmit(opening->apdu, &input);
      result.challenge = session.pins.take_challenge();
    } else if (const auto* proof = std::get_if<api::PinProofStep>(&step)) {
      outcome = prove(session, *proof);
    } else {
      outcome = session.card.transmit(apdu_of(step));
    }
    doubt(session, outcome);
    const auto took = std::chrono::steady_clock::now() - before;
    result.pure = outcome.effect == card::Effect::pure;
    result.response = std::move(outcome.response);
    report(session, apdu_of(step), outcome.command, result.response, took);
  }
  // What the holder lent goes with their log-in, however that ended.
  if (!session.card.holder_verified()) session.secret.drop();
  result.state = state_id(session);
  return result;
}

void CardSessions::report(const Session& session, BytesView apdu, std::string_view command,
                          BytesView response, std::chrono::nanoseconds took) {
  ApduDone done{session.card_id, command};
  if (apdu.size() >= 4) {
    done.cla = apdu[0];
    done.p2 = apdu[3];
    done.lc = lc_of(apdu);
  }
  if (const auto n = response.size(); n >= 2) done.sw = apdu::StatusWord{response[n - 2], response[n - 1]};
  done.took = took;
  world_.observer.apdu(done);
}

/// A name for (card, generation, volatile state) that tells nobody without the key anything about them.
/// States with security status are the session's own: salted by it, so that nobody finds there what a PIN
/// opened elsewhere. States without any are the same in all sessions, and so are their names. A generation
/// that cannot be read gives a random name: one that is never seen again, so nothing is answered from memory.
api::StateId CardSessions::state_id(Session& session) {
  api::StateId id{};
  const auto generation = session.store->generation();
  if (!generation) {
    world_.rng.fill(id);
    return id;
  }
  Bytes message = to_bytes(session.card.state_digest());
  append_be64(message, *generation);
  message.push_back(session.card.has_security_status() ? 1 : 0);
  if (session.card.has_security_status()) append(message, session.salt);
  append(message, as_bytes(session.card_id));  // last, and the only one of variable length
  crypto_generichash(id.data(), id.size(), message.data(), message.size(), state_key_.expose().data(),
                     state_key_.size());
  return id;
}

Result<LoggedIn> CardSessions::logged_in(std::string_view session_id, std::string_view token) {
  CARDEA_TRY(const auto found, find(session_id, token));
  const std::lock_guard strand{found->mutex};
  if (found->ended || overdue(*found)) return gone();
  if (!found->secret.held()) return fail(Errc::denied, "the card's holder has not logged in");
  return LoggedIn{found->card_id, "device:" + found->device, found->device};
}

Result<void> CardSessions::close(std::string_view session, std::string_view token) {
  CARDEA_TRY(const auto found, find(session, token));
  end({found}, SessionEnd::closed);
  return {};
}

std::size_t CardSessions::end(const std::vector<std::shared_ptr<Session>>& sessions, SessionEnd reason) {
  std::size_t n = 0;
  for (const auto& session : sessions) {
    session->ended = true;
    if (!registry_->remove(session)) continue;
    ++n;
    world_.observer.session_ended(session->id, session->card_id, reason);
  }
  return n;
}

std::size_t CardSessions::end_all_of_card(const std::string& card, SessionEnd reason) {
  return end(registry_->of_card(card), reason);
}

std::size_t CardSessions::end_all_of_device(const std::string& device) {
  return end(registry_->of_device(device), SessionEnd::device_revoked);
}

std::size_t CardSessions::end_all() {
  return end(registry_->all(), SessionEnd::shutdown);
}

std::size_t CardSessions::sweep() {
  std::size_t n = 0;
  for (const auto& session : registry_->all()) {
    if (const auto reason = overdue(*session)) n += end({session}, *reason);
  }
  return n;
}

std::vector<SessionInfo> CardSessions::list() const {
  std::vector<SessionInfo> out;
  for (const auto& session : registry_->all()) {
    out.push_back({session->id, session->card_id, session->device, session->organisation, session->opened,
                   store::Time{store::Time::duration{session->last_used.load()}}, session->sequence});
  }
  return out;
}

std::size_t CardSessions::count_of_card(const std::string& card) const {
  return registry_->of_card(card).size();
}

std::size_t CardSessions::count() const {
  return registry_->size();
}

}  // namespace cardea::service

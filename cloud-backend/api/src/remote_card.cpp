#include "cardea/api/remote_card.h"

#include <utility>

namespace cardea::api {
namespace {

bool is_ok(const Bytes& response) {
  return response.size() == 2 && response[0] == 0x90 && response[1] == 0x00;
}

/// Nothing waits for this proof (any more): 6A88.
bool is_worthless(const Bytes& response) {
  return response.size() == 2 && response[0] == 0x6A && response[1] == 0x88;
}

Bytes ok() {
  return {0x90, 0x00};
}

}  // namespace

RemoteCard::RemoteCard(CardSession session, Send send, ProofKeeper* keeper)
    : session_{std::move(session)}, send_{std::move(send)}, keeper_{keeper}, channel_{session_.id} {}

Result<void> RemoteCard::show_late_proofs() {
  if (keeper_ == nullptr) return {};
  std::vector<Step> steps;
  std::vector<std::uint8_t> shown;
  for (const auto reference : kPinReferences) {
    const auto proof = keeper_->kept(reference);
    if (!proof) continue;
    steps.emplace_back(LateProofStep{reference, *proof});
    shown.push_back(reference);
  }
  if (steps.empty()) return {};
  CARDEA_TRY(const auto reply, exchange(std::move(steps)));
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto& response = reply.results[i].response;
    if (is_ok(response) || is_worthless(response)) keeper_->forget(shown[i]);
  }
  return {};
}

/// A proof goes before a reset: what was right was right, and a try is not lost to a card that is pulled.
std::vector<Step> RemoteCard::take_owed() {
  std::vector<Step> steps;
  if (proof_) steps.emplace_back(*std::exchange(proof_, std::nullopt));
  if (std::exchange(reset_owed_, false)) steps.emplace_back(ResetStep{});
  return steps;
}

Result<void> RemoteCard::settle() {
  CARDEA_CHECK(confirm());
  auto steps = take_owed();
  if (steps.empty()) return {};
  CARDEA_CHECK(exchange(std::move(steps), true));
  return {};
}

/// What may not have arrived, once more.
Result<void> RemoteCard::confirm() {
  if (!unconfirmed_) return {};
  const auto done = deliver(*unconfirmed_);
  if (done || done.error().code != Errc::unavailable) unconfirmed_.reset();
  if (!done) return tl::unexpected{done.error()};
  return {};
}

Result<Bytes> RemoteCard::transmit(Bytes apdu) {
  auto command = stripper_.strip(std::move(apdu));
  if (command.answer) return *std::move(command.answer);
  if (command.shown) return log_in(std::move(command));
  auto steps = take_owed();
  steps.emplace_back(CommandStep{std::move(command.apdu)});
  CARDEA_TRY(auto reply, exchange(std::move(steps)));
  stripper_.answered(reply.results.back().response);
  return std::move(reply.results.back().response);
}

Result<Bytes> RemoteCard::log_in(StrippedCommand command) {
  CARDEA_TRY(auto login, PinLogin::start(std::move(command), session_.pin_form));
  auto steps = take_owed();
  steps.emplace_back(login.opening());
  CARDEA_TRY(auto reply, exchange(std::move(steps)));
  auto& opened = reply.results.back();
  if (!opened.challenge) return std::move(opened.response);

  const bool sets_a_value = login.sets_a_value();
  const auto reference = login.reference();
  const bool repeated = repeated_;
  const LoginPlace place{session_.organisation, session_.card, session_.device, session_.access_token_hash,
                         session_.channel_binding ? tls_exporter_ : Bytes{}};
  auto proof = std::move(login).finish(*opened.challenge, place);
  if (!proof && proof.error().code == Errc::denied) {
    // The server may have answered for the connection that broke: nobody can say whether the PIN is wrong.
    if (session_.channel_binding && repeated)
      return fail(Errc::unavailable, "the connection broke while a PIN was being verified");
    return std::move(opened.response);
  }
  if (!proof) return tl::unexpected{std::move(proof).error()};
  // Once it is kept, the try is not lost with the session.
  const bool safe = keeper_ != nullptr && keeper_->keep(reference, proof->ke3);
  proven_reference_ = reference;
  channel_.log_in(proof->session_key, proof->generation, proof->ke3);
  proof_ = std::move(proof->step);
  if (!sets_a_value) {
    if (!safe) CARDEA_CHECK(settle());
    return ok();
  }

  // What lasts is answered when it is done. The answer is the proof's own: it is the only step.
  CARDEA_TRY(auto done, exchange({*std::exchange(proof_, std::nullopt)}));
  return std::move(done.results.back().response);
}

Result<ExchangeReply> RemoteCard::exchange(std::vector<Step> steps, bool alone) {
  CARDEA_CHECK(confirm());
  Outgoing outgoing;
  if (std::holds_alternative<PinProofStep>(steps.front())) {
    // In front of other steps, or by itself: whose PIN was right has been told so already.
    outgoing.proven = alone || steps.size() > 1;
    outgoing.proves = proven_reference_;
  }
  CARDEA_TRY(outgoing.message, channel_.next(std::move(steps)));
  auto reply = deliver(outgoing);
  if (!reply && alone && reply.error().code == Errc::unavailable) unconfirmed_ = std::move(outgoing);
  return reply;
}

Result<ExchangeReply> RemoteCard::deliver(const Outgoing& outgoing) {
  CARDEA_TRY(auto sent, send_(outgoing.message.octets));
  tls_exporter_ = std::move(sent.tls_exporter);
  repeated_ = sent.repeated;
  CARDEA_TRY(auto reply, channel_.read(outgoing.message, sent.reply));
  if (!outgoing.proves) return reply;
  const bool taken = is_ok(reply.results.front().response);
  if (taken && keeper_ != nullptr) keeper_->forget(*outgoing.proves);
  // The application was told that its PIN is right. Where the card has changed its mind since (another value,
  // set elsewhere), it is not the card that the application talked to any more.
  if (outgoing.proven && !taken) {
    return fail(Errc::conflict, "the card changed while a PIN was being verified");
  }
  return reply;
}

}  // namespace cardea::api

// What a holder leaves behind while logged in.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cardea/api/card_channel.h"
#include "cardea/api/pin_login.h"
#include "cardea/api/recovery_client.h"
#include "octets_member.h"

namespace cardea::api::recovery {
namespace {

using nlohmann::json;

constexpr std::uint8_t kPinReference = 0x80;
constexpr std::uint8_t kTriesMask = 0x0F;
const Bytes kSelectPiv{0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08};

std::string dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<json> object_in(const std::string& body) {
  auto document = parse_json(body);
  if (!document || !document->is_object()) return unexpected_reply();
  return document;
}

/// Once more where the answer was lost: the server runs the same octets once.
Result<ExchangeReply> exchange(Client& client, const CardSession& session, CardChannel& channel,
                               std::vector<Step> steps, Bytes* tls_exporter = nullptr) {
  CARDEA_TRY(const auto message, channel.next(std::move(steps)));
  auto posted = client.post(session, message.octets);
  const bool repeated = !posted && posted.error().code == Errc::unavailable;
  if (repeated) posted = client.post(session, message.octets);
  if (!posted) return tl::unexpected{std::move(posted).error()};
  // The server may have answered for the connection that broke.
  if (tls_exporter != nullptr && repeated && session.channel_binding)
    return fail(Errc::unavailable, "the connection broke while the PIN was being verified");
  if (tls_exporter != nullptr) *tls_exporter = std::move(posted->tls_exporter);
  return channel.read(message, posted->reply);
}

tl::unexpected<Error> wrong_pin(const Bytes& response) {
  if (response.size() == 2 && response[0] == 0x63) {
    return fail(Errc::denied, "the PIN is wrong; tries left: " + std::to_string(response[1] & kTriesMask));
  }
  if (response == Bytes{0x69, 0x83}) return fail(Errc::denied, "the PIN is wrong or blocked: no try is left");
  return fail(Errc::denied, "the card does not take this PIN");
}

}  // namespace

Result<CardSecret> show_pin(Client& client, const CardSession& session, const SecretBytes& field) {
  CardChannel channel{session.id};
  const auto size = field.size();
  StrippedCommand command{{0x00, 0x20, 0x00, kPinReference, static_cast<std::uint8_t>(size)},
                          ShownPins{kPinReference, 0, SecretBytes{field.expose()}}};
  command.apdu.resize(command.apdu.size() + size);
  CARDEA_TRY(auto login, PinLogin::start(std::move(command), session.pin_form));
  Bytes tls_exporter;
  CARDEA_TRY(auto reply,
             exchange(client, session, channel, {CommandStep{kSelectPiv}, login.opening()}, &tls_exporter));
  auto& opened = reply.results.back();
  if (!opened.challenge) return wrong_pin(opened.response);
  const LoginPlace place{session.organisation, session.card, session.device, session.access_token_hash,
                         session.channel_binding ? tls_exporter : Bytes{}};
  auto proof = std::move(login).finish(*opened.challenge, place);
  if (!proof && proof.error().code == Errc::denied) return wrong_pin(opened.response);
  if (!proof) return tl::unexpected{std::move(proof).error()};
  CardSecret secret;
  const bool known = proof->step.secret.size() == CardSecret::size();
  if (known) std::ranges::copy(proof->step.secret, secret.expose().begin());
  channel.log_in(proof->session_key, proof->generation, proof->ke3);
  CARDEA_TRY(const auto done, exchange(client, session, channel, {std::move(proof->step)}));
  if (done.results.back().response != Bytes{0x90, 0x00}) {
    return fail(Errc::conflict, "the card changed while the PIN was being verified");
  }
  if (!known) return fail(Errc::not_found, "this card's PIN opens no secret: there is nothing to recover");
  return secret;
}

Result<void> leave_codes(Client& client, const CardSession& session, std::span<const Code> codes,
                         const CardSecret& secret) {
  auto list = json::array();
  for (const auto& code : codes) {
    CARDEA_TRY(const auto copy, code.protect({session.organisation, session.card}, secret));
    list.push_back({{"name", base64url(code.name())}, {"copy", base64url(copy)}});
  }
  CARDEA_CHECK(client.ask(session, "PUT", "/recovery/codes", dump({{"codes", std::move(list)}})));
  return {};
}

Result<void> leave_answers(Client& client, const CardSession& session,
                           const std::array<std::string, kAnswers>& questions,
                           std::array<SecretBytes, kAnswers> answers, const CardSecret& secret) {
  CARDEA_TRY(const auto started, Answers::start(std::move(answers)));
  CARDEA_TRY(const auto body, client.ask(session, "POST", "/recovery/evaluation",
                                         dump({{"blinded", elements_to_json(started.blinded())}})));
  CARDEA_TRY(const auto reply, object_in(body));
  CARDEA_TRY(const auto nonce, octets_member(reply, "nonce"));
  CARDEA_TRY(const auto ksf_octets, octets_member(reply, "ksf"));
  CARDEA_TRY(const auto ksf, opaque::parse_ksf(ksf_octets));
  CARDEA_TRY(const auto evaluated, elements_member(reply, "evaluated"));
  CARDEA_TRY(const auto sealed,
             started.protect(evaluated, ksf, {session.organisation, session.card}, secret));
  auto copies = json::array();
  for (const auto& copy : sealed.copies)
    copies.push_back(base64url(copy));
  CARDEA_CHECK(client.ask(session, "PUT", "/recovery/answers",
                          dump({{"nonce", base64url(nonce)},
                                {"ksf", base64url(ksf_octets)},
                                {"copies", std::move(copies)},
                                {"questions", questions}})));
  return {};
}

Result<void> leave_half(Client& client, const CardSession& session, const Half& half,
                        const CardSecret& secret) {
  CARDEA_TRY(const auto copy, half.protect({session.organisation, session.card}, session.device, secret));
  CARDEA_CHECK(client.ask(session, "PUT", "/recovery/half", dump({{"copy", base64url(copy)}})));
  return {};
}

Result<Standing> standing_of(Client& client, const std::string& card) {
  CARDEA_TRY(const auto body, client.ask("GET", "/v1/cards/" + card + "/recovery", {}));
  CARDEA_TRY(const auto reply, object_in(body));
  const auto codes = reply.find("codes");
  const auto answers = reply.find("answers");
  if (codes == reply.end() || !codes->is_number_unsigned() || answers == reply.end() ||
      !answers->is_boolean()) {
    return unexpected_reply();
  }
  return Standing{codes->get<std::size_t>(), answers->get<bool>(),
                  reply.value("workstations", std::size_t{0})};
}

}  // namespace cardea::api::recovery

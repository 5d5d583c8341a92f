#include "cardea/api/recovery_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cardea/api/card_secret.h"
#include "cardea/api/jose.h"
#include "cardea/api/json.h"
#include "cardea/api/kdf.h"
#include "guarded.h"
#include "octets_member.h"
#include "problem.h"

namespace cardea::api::recovery {
namespace {

using nlohmann::json;

constexpr const char* kJson = "application/json";

/// At the limit of a link the server says 429.
constexpr int kTooMany = 429;

Result<std::size_t> count_member(const json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_number_unsigned()) return unexpected_reply();
  return member->get<std::size_t>();
}

CardSecret copy_of(const CardSecret& secret) {
  CardSecret copy;
  std::ranges::copy(secret.expose(), copy.expose().begin());
  return copy;
}

}  // namespace

LinkClient::LinkClient(std::unique_ptr<HttpConnection> connection, std::string link)
    : connection_{std::move(connection)}, link_{std::move(link)} {}

Result<json> LinkClient::post(const char* path, json body) {
  body["link"] = link_;
  const auto text = body.dump(-1, ' ', false, json::error_handler_t::replace);
  CARDEA_TRY(const auto reply, connection_->send({"POST", path, {}, kJson, text}));
  if (reply.status < 200 || reply.status >= 300) {
    auto error = to_error(reply);
    if (reply.status == kTooMany) error.code = Errc::exhausted;
    return tl::unexpected{std::move(error)};
  }
  auto document = parse_json(reply.body);
  if (!document || !document->is_object()) return unexpected_reply();
  return document;
}

Result<LinkView> LinkClient::look() {
  return guarded([&]() -> Result<LinkView> {
    CARDEA_TRY(const auto reply, post("/v1/recovery", json::object()));
    LinkView view;
    view.organisation = text_member(reply, "organisation");
    view.card = text_member(reply, "card");
    view.label = text_member(reply, "label");
    view.expires = text_member(reply, "expires_at");
    CARDEA_TRY(view.codes, count_member(reply, "codes"));
    CARDEA_TRY(const auto attempts, count_member(reply, "attempts_left"));
    view.attempts = static_cast<unsigned>(attempts);
    const auto form = parse_pin_form(text_member(reply, "pin_format"));
    if (!form || view.card.empty() || view.organisation.empty()) return unexpected_reply();
    view.pin_form = *form;
    view.assisted = reply.value("assisted", false);
    const auto questions = reply.find("questions");
    if (questions == reply.end() || !questions->is_array()) return unexpected_reply();
    for (const auto& question : *questions) {
      if (!question.is_string()) return unexpected_reply();
      view.questions.push_back(question.get<std::string>());
    }
    if (!view.questions.empty() && view.questions.size() != kAnswers) return unexpected_reply();
    return view;
  });
}

Result<LinkClient::Opened> LinkClient::open(const LinkView& view, const Code& code) {
  return guarded([&]() -> Result<Opened> {
    CARDEA_TRY(const auto reply, post("/v1/recovery/code", {{"name", base64url(code.name())}}));
    CARDEA_TRY(const auto copies, octet_list(reply, "copies", 1));
    Opened opened;
    CARDEA_TRY(opened.secret, code.open({view.organisation, view.card}, copies.front()));
    CARDEA_TRY(opened.challenge, octets_member(reply, "challenge"));
    return opened;
  });
}

Result<LinkClient::Opened> LinkClient::open(const LinkView& view, const Half& half,
                                            const std::string& device) {
  return guarded([&]() -> Result<Opened> {
    CARDEA_TRY(const auto reply, post("/v1/recovery/half", {{"device", device}}));
    CARDEA_TRY(const auto copies, octet_list(reply, "copies", 1));
    Opened opened;
    CARDEA_TRY(opened.secret, half.open({view.organisation, view.card}, device, copies.front()));
    CARDEA_TRY(opened.challenge, octets_member(reply, "challenge"));
    return opened;
  });
}

Result<LinkClient::Opened> LinkClient::open(const LinkView& view, std::array<SecretBytes, kAnswers> answers) {
  return guarded([&]() -> Result<Opened> {
    CARDEA_TRY(const auto started, Answers::start(std::move(answers)));
    CARDEA_TRY(const auto reply,
               post("/v1/recovery/answers", {{"blinded", elements_to_json(started.blinded())}}));
    CARDEA_TRY(const auto evaluated, elements_member(reply, "evaluated"));
    CARDEA_TRY(auto copies, octet_list(reply, "copies", kAnswers));
    CARDEA_TRY(const auto ksf_octets, octets_member(reply, "ksf"));
    AnswerCopies sealed;
    CARDEA_TRY(sealed.ksf, opaque::parse_ksf(ksf_octets));
    std::ranges::move(copies, sealed.copies.begin());
    Opened opened;
    CARDEA_TRY(opened.secret, started.recover(evaluated, sealed, {view.organisation, view.card}));
    CARDEA_TRY(opened.challenge, octets_member(reply, "challenge"));
    return opened;
  });
}

Result<void> LinkClient::set_pin(const LinkView& view, const Opened& opened, const SecretBytes& field) {
  return guarded([&]() -> Result<void> {
    const auto hash = sha256({as_bytes(link_)});
    CARDEA_TRY(const auto answer,
               answer_challenge(opened.secret, {view.organisation, view.card}, hash, opened.challenge));
    CARDEA_TRY(auto registration,
               opaque::ClientRegistration::start(SecretBytes{opaque::password_in(field.expose())}));
    CARDEA_TRY(const auto started,
               post("/v1/recovery/registration", {{"request", base64url(registration.request())}}));
    CARDEA_TRY(const auto response, octets_member(started, "response"));
    CARDEA_TRY(const auto ksf_octets, octets_member(started, "ksf"));
    CARDEA_TRY(const auto ksf, opaque::parse_ksf(ksf_octets));
    CARDEA_TRY(const auto done, std::move(registration).finish(response, ksf));
    const auto pair = hpke::key_pair_of(copy_of(opened.secret));
    CARDEA_TRY(const auto copy, card_secret::seal_copy({view.organisation, view.card, card_secret::kPin},
                                                       done.export_key.expose(), pair));
    CARDEA_CHECK(post("/v1/recovery/completion", {{"answer", base64url(answer.expose())},
                                                  {"record", base64url(done.record)},
                                                  {"secret_copy", base64url(copy)}}));
    return {};
  });
}

Result<void> LinkClient::disown() {
  return guarded([&]() -> Result<void> {
    CARDEA_CHECK(post("/v1/recovery/disown", json::object()));
    return {};
  });
}

}  // namespace cardea::api::recovery

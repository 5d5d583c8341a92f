// Recovery: what a logged-in holder leaves behind, and what a link allows. Nothing secret but the link comes
// in here.

#include <array>

#include "caller.h"
#include "cardea/api/jose.h"
#include "cardea/api/opaque.h"
#include "cardea/http/interface.h"
#include "cardea/http/problem.h"
#include "json.h"

namespace cardea::http {
namespace {

constexpr std::size_t kPairs = 3;

Result<Bytes> octets_member(const Json& object, const char* name) {
  CARDEA_TRY(const auto text, text_member(object, name));
  auto octets = api::from_base64url(text);
  if (!octets) return fail(Errc::invalid, "the member \"" + std::string{name} + "\" must be base64url");
  return octets;
}

Result<std::array<std::string, kPairs>> three_members(const Json& object, const char* name) {
  const auto member = object.find(name);
  std::array<std::string, kPairs> out;
  if (member != object.end() && member->is_array() && member->size() == kPairs) {
    std::size_t found = 0;
    for (const auto& item : *member) {
      if (item.is_string()) out[found++] = item.get<std::string>();
    }
    if (found == kPairs) return out;
  }
  return fail(Errc::invalid, "the member \"" + std::string{name} + "\" must be a list of three texts");
}

Result<std::array<Bytes, kPairs>> three_octets(const Json& object, const char* name) {
  CARDEA_TRY(const auto texts, three_members(object, name));
  std::array<Bytes, kPairs> out;
  for (std::size_t i = 0; i < kPairs; ++i) {
    auto octets = api::from_base64url(texts[i]);
    if (!octets) return fail(Errc::invalid, "the member \"" + std::string{name} + "\" must be base64url");
    out[i] = *std::move(octets);
  }
  return out;
}

template <class List>
Json texts(const List& list) {
  auto out = Json::array();
  for (const auto& octets : list)
    out.push_back(api::base64url(octets));
  return out;
}

Json describe(const service::Recovery::Attempt& attempt) {
  Json out{{"copies", texts(attempt.copies)},
           {"challenge", api::base64url(attempt.challenge)},
           {"attempts_left", attempt.attempts_left}};
  if (!attempt.ksf.empty()) {
    out["evaluated"] = texts(attempt.evaluated);
    out["ksf"] = api::base64url(attempt.ksf);
  }
  return out;
}

/// A session whose holder has logged in with the PIN.
Result<service::LoggedIn> holder(const Application& app, const Request& request) {
  constexpr std::string_view kScheme = "CardeaSession ";
  const auto value = request.header("Authorization");
  const auto token =
      value.substr(0, kScheme.size()) == kScheme ? value.substr(kScheme.size()) : std::string_view{};
  return app.sessions.logged_in(request.parameters[0], token);
}

Result<Json> evaluate(const Application& app, const Request& request) {
  CARDEA_TRY(const auto who, holder(app, request));
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto blinded, three_octets(body, "blinded"));
  CARDEA_TRY(const auto done, app.recovery.evaluate_for_enrolment(who.card, blinded));
  return Json{{"nonce", api::base64url(done.nonce)},
              {"ksf", api::base64url(done.ksf)},
              {"evaluated", texts(done.evaluated)}};
}

Result<Json> keep_answers(const Application& app, const Request& request) {
  CARDEA_TRY(const auto who, holder(app, request));
  CARDEA_TRY(const auto body, json_object(request));
  store::RecoveryAnswers answers;
  CARDEA_TRY(answers.nonce, octets_member(body, "nonce"));
  CARDEA_TRY(answers.ksf, octets_member(body, "ksf"));
  CARDEA_TRY(answers.copies, three_octets(body, "copies"));
  CARDEA_TRY(answers.questions, three_members(body, "questions"));
  CARDEA_CHECK(app.recovery.keep_answers(who.card, std::move(answers), who.actor));
  return Json::object();
}

Result<Json> keep_codes(const Application& app, const Request& request) {
  CARDEA_TRY(const auto who, holder(app, request));
  CARDEA_TRY(const auto body, json_object(request));
  const auto list = body.find("codes");
  if (list == body.end() || !list->is_array())
    return fail(Errc::invalid, "the member \"codes\" must be a list");
  std::vector<store::RecoveryCode> codes;
  for (const auto& item : *list) {
    if (!item.is_object()) return fail(Errc::invalid, "a code must be an object");
    store::RecoveryCode code;
    CARDEA_TRY(code.name, octets_member(item, "name"));
    CARDEA_TRY(code.copy, octets_member(item, "copy"));
    codes.push_back(std::move(code));
  }
  CARDEA_CHECK(app.recovery.keep_codes(who.card, codes, who.actor));
  return Json::object();
}

Result<Json> keep_half(const Application& app, const Request& request) {
  CARDEA_TRY(const auto who, holder(app, request));
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto copy, octets_member(body, "copy"));
  CARDEA_CHECK(app.recovery.keep_half(who.card, who.device, copy, who.actor));
  return Json::object();
}

Result<Json> look(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  CARDEA_TRY(const auto view, app.recovery.look(link));
  return Json{{"card", view.card},
              {"organisation", view.organisation},
              {"label", view.label},
              {"questions", view.questions},
              {"codes", view.codes},
              {"attempts_left", view.attempts},
              {"expires_at", rfc3339(view.expires)},
              {"pin_format", view.decimal_pins ? "decimal" : "padded"},
              {"assisted", view.assisted}};
}

Result<Json> try_answers(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  CARDEA_TRY(const auto blinded, three_octets(body, "blinded"));
  CARDEA_TRY(const auto attempt, app.recovery.try_answers(link, blinded));
  return describe(attempt);
}

Result<Json> try_code(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  CARDEA_TRY(const auto name, octets_member(body, "name"));
  CARDEA_TRY(const auto attempt, app.recovery.try_code(link, name));
  return describe(attempt);
}

Result<Json> try_half(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  CARDEA_TRY(const auto device, text_member(body, "device"));
  CARDEA_TRY(const auto attempt, app.recovery.try_half(link, device));
  return describe(attempt);
}

Result<Json> new_pin(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  CARDEA_TRY(const auto message, octets_member(body, "request"));
  CARDEA_TRY(const auto started, app.recovery.new_pin(link, message));
  return Json{{"response", api::base64url(started.response)}, {"ksf", api::base64url(started.ksf)}};
}

Result<Json> complete(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  service::Recovery::Completion completion;
  CARDEA_TRY(completion.answer, octets_member(body, "answer"));
  CARDEA_TRY(completion.record, octets_member(body, "record"));
  CARDEA_TRY(completion.secret_copy, octets_member(body, "secret_copy"));
  CARDEA_CHECK(app.recovery.complete(link, completion));
  return Json::object();
}

Result<Json> disown(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto link, text_member(body, "link"));
  CARDEA_CHECK(app.recovery.disown(link));
  return Json::object();
}

Result<bool> wants_assistance(const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  const auto member = body.find("assisted");
  if (member == body.end()) return false;
  if (!member->is_boolean()) return fail(Errc::invalid, "the member \"assisted\" must be true or false");
  return member->get<bool>();
}

Result<Json> new_link(const Application& app, const Request& request) {
  CARDEA_TRY(const auto assisted, wants_assistance(request));
  CARDEA_TRY(const auto link, app.recovery.new_link(request.parameters[0], "administrator", assisted));
  return Json{{"link", link.token}, {"expires_at", rfc3339(link.expires)}};
}

Result<Json> request_escrow(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto officer, text_member(body, "officer"));
  CARDEA_TRY(const auto reason, text_member(body, "reason"));
  CARDEA_TRY(const auto made,
             app.recovery.request_escrow(request.parameters[0], officer, reason, "administrator"));
  return Json{{"case", made.id}, {"card", made.card}, {"expires_at", rfc3339(made.expires)}};
}

Result<Json> approve_escrow(const Application& app, const Request& request) {
  const auto& id = request.parameters[0];
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto officer, text_member(body, "officer"));
  CARDEA_CHECK(app.recovery.approve_escrow(id, officer, "administrator"));
  return Json{{"case", id}, {"approved", true}};
}

Result<Json> open_escrow(const Application& app, const Request& request) {
  CARDEA_TRY(const auto opening, app.recovery.open_escrow(request.parameters[0], "administrator"));
  return Json{{"link", opening.link},
              {"organisation", opening.view.organisation},
              {"card", opening.view.card},
              {"label", opening.view.label},
              {"pin_format", opening.view.decimal_pins ? "decimal" : "padded"},
              {"copy", api::base64url(opening.copy)},
              {"challenge", api::base64url(opening.challenge)}};
}

/// A registrar's, for cards of its own organisation.
Result<Json> new_link_by_registrar(const Application& app, const Request& request,
                                   const identity::Principal& who) {
  CARDEA_TRY(const auto card, app.cards.visible(who, request.parameters[0]));
  if (who.role != store::DeviceRole::registrar)
    return fail(Errc::denied, "recovery links are made by the registration authority");
  CARDEA_TRY(const auto assisted, wants_assistance(request));
  CARDEA_TRY(const auto link, app.recovery.new_link(card.id, "device:" + who.device, assisted));
  return Json{{"link", link.token}, {"expires_at", rfc3339(link.expires)}};
}

Result<Json> standing(const Application& app, const Request& request, const identity::Principal& who) {
  CARDEA_TRY(const auto card, app.cards.visible(who, request.parameters[0]));
  CARDEA_TRY(const auto standing, app.recovery.standing(card.id));
  return Json{
      {"codes", standing.codes}, {"answers", standing.answers}, {"workstations", standing.workstations}};
}

using Handler = Result<Json> (*)(const Application&, const Request&);

std::function<Response(Request&)> answering(const Application& application, int status, Handler handler) {
  return [application, status, handler](Request& request) {
    const auto done = handler(application, request);
    return done ? json_response(status, *done) : limited(done.error());
  };
}

using DeviceHandler = Result<Json> (*)(const Application&, const Request&, const identity::Principal&);

std::function<Response(Request&)> answering_device(const Application& application, int status,
                                                   DeviceHandler handler) {
  return [application, status, handler](Request& request) {
    const auto who = caller(application, request);
    if (!who) return authentication_problem(who.error());
    const auto done = handler(application, request, *who);
    return done ? json_response(status, *done) : limited(done.error());
  };
}

}  // namespace

std::vector<Route> recovery_routes(const Application& application) {
  return {
      {"POST", "/v1/card-sessions/{id}/recovery/evaluation", answering(application, 200, evaluate), kJson},
      {"PUT", "/v1/card-sessions/{id}/recovery/answers", answering(application, 200, keep_answers), kJson},
      {"PUT", "/v1/card-sessions/{id}/recovery/codes", answering(application, 200, keep_codes), kJson},
      {"GET", "/v1/cards/{id}/recovery", answering_device(application, 200, standing)},
      {"PUT", "/v1/card-sessions/{id}/recovery/half", answering(application, 200, keep_half), kJson},
      {"POST", "/v1/cards/{id}/recovery-links", answering_device(application, 201, new_link_by_registrar),
       kJson},
      {"POST", "/v1/recovery/half", answering(application, 200, try_half), kJson},
      {"POST", "/v1/recovery", answering(application, 200, look), kJson},
      {"POST", "/v1/recovery/answers", answering(application, 200, try_answers), kJson},
      {"POST", "/v1/recovery/code", answering(application, 200, try_code), kJson},
      {"POST", "/v1/recovery/registration", answering(application, 200, new_pin), kJson},
      {"POST", "/v1/recovery/completion", answering(application, 200, complete), kJson},
      {"POST", "/v1/recovery/disown", answering(application, 200, disown), kJson},
  };
}

std::vector<Route> recovery_admin_routes(const Application& application) {
  return {
      {"POST", "/v1/admin/cards/{id}/recovery-links", answering(application, 201, new_link), kJson},
      {"POST", "/v1/admin/cards/{id}/escrow-cases", answering(application, 201, request_escrow), kJson},
      {"POST", "/v1/admin/escrow-cases/{id}/approval", answering(application, 200, approve_escrow), kJson},
      {"POST", "/v1/admin/escrow-cases/{id}/opening", answering(application, 200, open_escrow), kJson},
      // The officers' tool goes on like any holder's, over this socket.
      {"POST", "/v1/recovery/registration", answering(application, 200, new_pin), kJson},
      {"POST", "/v1/recovery/completion", answering(application, 200, complete), kJson},
  };
}

}  // namespace cardea::http

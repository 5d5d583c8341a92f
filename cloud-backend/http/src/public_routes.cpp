#include <utility>

#include "act.h"
#include "caller.h"
#include "card_json.h"
#include "cardea/api/channel.h"
#include "cardea/api/jose.h"
#include "cardea/api/kdf.h"
#include "cardea/hex.h"
#include "cardea/http/interface.h"
#include "cardea/http/problem.h"
#include "json.h"

namespace cardea::http {
namespace {

constexpr std::string_view kSessionScheme = "CardeaSession ";

/// The token of a card session; nothing when the request shows none.
std::string_view session_token(const Request& request) {
  const auto value = request.header("Authorization");
  return value.substr(0, kSessionScheme.size()) == kSessionScheme ? value.substr(kSessionScheme.size())
                                                                  : std::string_view{};
}

Response missing_session_token() {
  auto response = problem(401, "unauthorised", "Show the session's token: Authorization: CardeaSession ...");
  response.headers.emplace_back("WWW-Authenticate", "CardeaSession");
  return response;
}

/// A session that is not there is gone: the agent reports a card reset and opens a new one.
Response session_problem(const Error& error) {
  return error.code == Errc::not_found ? problem(410, "session-gone", error.what) : problem(error);
}

// The hot path: no JSON, no allocation beyond the steps and the reply.
Response exchange(const Application& app, Request& request) {
  const auto token = session_token(request);
  if (token.empty()) return missing_session_token();
  auto reply =
      app.sessions.exchange(request.parameters[0], token, as_bytes(request.body), request.tls_exporter);
  if (!reply) return session_problem(reply.error());
  Response response;
  response.content_type = api::kExchangeMediaType;
  response.body.assign(reply->begin(), reply->end());
  wipe(*reply);
  return response;
}

Response close_session(const Application& app, Request& request) {
  const auto token = session_token(request);
  if (token.empty()) return missing_session_token();
  if (const auto closed = app.sessions.close(request.parameters[0], token); !closed) {
    return session_problem(closed.error());
  }
  Response response;
  response.status = 204;
  return response;
}

Response sealed(const Application& app) {
  const auto why = app.vault.check();
  return problem(503, "sealed", why ? "" : why.error().what);
}

/// What follows the scheme in the Authorization header of a request that was authenticated.
std::string_view access_token(const Request& request) {
  const auto value = request.header("Authorization");
  const auto space = value.find(' ');
  return space == std::string_view::npos ? value : value.substr(space + 1);
}

Response open_session(const Application& app, Request& request) {
  if (app.vault.sealed()) return sealed(app);
  const auto who = caller(app, request);
  if (!who) return authentication_problem(who.error());
  const auto body = json_object(request);
  if (!body) return problem(body.error());
  const auto card = text_member(*body, "card");
  if (!card) return problem(card.error());
  // The very token of this request: a login in this session is worth nothing with another.
  const auto hash = api::sha256({as_bytes(access_token(request))});
  const auto opened = app.sessions.open(*who, *card, to_bytes(hash));
  if (!opened && opened.error().code == Errc::corrupt)
    return problem(403, "card-frozen", opened.error().what);
  if (!opened) {
    const auto put_back = problem_of_put_back(opened.error());
    return put_back ? *put_back : limited(opened.error());
  }
  return json_response(201, {{"id", opened->id},
                             {"token", opened->token},
                             {"card", opened->card},
                             {"label", opened->label},
                             {"profile", opened->profile},
                             {"organisation", opened->organisation},
                             {"pin_format", opened->decimal_pins ? "decimal" : "padded"},
                             {"channel_binding", opened->binds_channel ? "require" : "prefer"},
                             {"atr", to_hex(opened->atr)}});
}

Response list_cards(const Application& app, Request& request) {
  const auto who = caller(app, request);
  if (!who) return authentication_problem(who.error());
  const auto cards = app.cards.visible_to(*who);
  if (!cards) return problem(cards.error());
  const char* role = who->role == store::DeviceRole::registrar ? "registrar" : "user";
  auto list = Json::array();
  for (const auto& card : *cards) {
    const auto wanted = in_state(request, card.row);
    if (!wanted) return problem(wanted.error());
    if (!*wanted) continue;
    list.push_back({{"id", card.row.id},
                    {"label", card.row.label},
                    {"profile", card.row.profile},
                    {"state", state_name(card.row)},
                    {"holder", card.holder_name},
                    {"opened_as", role},
                    {"must_change", card.must_change}});
  }
  return json_response(200, {{"cards", std::move(list)}});
}

Result<Json> enrolled(const Application& app, const identity::ProvenKey& key, const std::string& name,
                      std::string_view host) {
  CARDEA_TRY(const auto device, app.directory.enrol(key, name));
  std::string person;
  if (device.person) {
    CARDEA_TRY(const auto row, app.database.person(device.organisation, *device.person));
    person = row.name;
  }
  return Json{{"device", device.id},
              {"organisation", device.organisation},
              {"person", person},
              {"token_endpoint", "https://" + std::string{host} + "/v1/token"}};
}

/// The body of an enrolment.
struct Enrolling {
  std::string code;
  std::string name;
  api::VerifyKey key{};
};

Result<Enrolling> read_enrolling(const Request& request) {
  Enrolling out;
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(out.code, text_member(body, "code"));
  CARDEA_TRY(out.name, text_member(body, "name"));
  const auto jwk = body.find("public_key");
  if (jwk == body.end()) return fail(Errc::invalid, "the member \"public_key\" must be a JWK");
  CARDEA_TRY(out.key, api::from_jwk(*jwk));
  return out;
}

Response enrol(const Application& app, Request& request) {
  const auto asked = read_enrolling(request);
  if (!asked) return problem(asked.error());
  const auto host = request.header("Host");
  const auto proven = app.directory.prove(
      {asked->code, asked->key, request.header("DPoP"), {request.method, request.path, host}});
  if (!proven) {
    const auto& why = proven.error();
    return why.code == Errc::denied ? unauthorised(why.what) : problem(why);
  }
  const auto made = enrolled(app, *proven, asked->name, host);
  return made ? json_response(201, *made) : problem(made.error());
}

Response token(const Application& app, Request& request) {
  const auto grant_type = form_value(request.body, "grant_type");
  const auto assertion_type = form_value(request.body, "client_assertion_type");
  const auto assertion = form_value(request.body, "client_assertion");
  const auto granted = app.authenticator.grant({grant_type,
                                                assertion_type,
                                                assertion,
                                                request.header("DPoP"),
                                                {request.method, request.path, request.header("Host")}});
  if (!granted) return authentication_problem(granted.error());
  return json_response(200, {{"access_token", granted->token},
                             {"token_type", "DPoP"},
                             {"expires_in", granted->expires_in.count()}});
}

Response ready(const Application& app) {
  const auto database = app.database.check();
  if (!database) return problem(503, "unavailable", "The database is not ready: " + database.error().what);
  const auto vault = app.vault.check();
  if (app.vault.sealed()) return sealed(app);
  if (!vault) return problem(503, "unavailable", "The vault is not ready: " + vault.error().what);
  return json_response(200, {{"status", "ready"}});
}

Response metrics(const Application& app) {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = app.metrics.text();
  return response;
}

}  // namespace

std::vector<Route> public_routes(const Application& application) {
  const auto with = [application](Response (*run)(const Application&, Request&)) {
    return [application, run](Request& request) { return run(application, request); };
  };
  return {
      {"POST", "/v1/card-sessions/{id}/exchange", with(exchange), api::kExchangeMediaType},
      {"DELETE", "/v1/card-sessions/{id}", with(close_session)},
      {"POST", "/v1/card-sessions", with(open_session), kJson},
      {"GET", "/v1/cards", with(list_cards)},
      {"POST", "/v1/token", with(token), "application/x-www-form-urlencoded"},
      {"POST", "/v1/enrolments", with(enrol), kJson},
      {"GET", "/healthz",
       [](Request&) {
         return json_response(200, {{"status", "alive"}});
       }},
      {"GET", "/readyz", [application](Request&) { return ready(application); }},
      {"GET", "/metrics", [application](Request&) { return metrics(application); }},
  };
}

Router make_router(std::vector<std::vector<Route>> tables) {
  std::vector<Route> all;
  for (auto& table : tables)
    std::move(table.begin(), table.end(), std::back_inserter(all));
  return Router{std::move(all)};
}

}  // namespace cardea::http

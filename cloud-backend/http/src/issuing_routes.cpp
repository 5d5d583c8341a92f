#include <utility>

#include "caller.h"
#include "card_json.h"
#include "cardea/http/interface.h"
#include "cardea/http/problem.h"
#include "json.h"

namespace cardea::http {
namespace {

Json card_of(const service::CardView& view) {
  return {{"id", view.row.id},
          {"label", view.row.label},
          {"profile", view.row.profile},
          {"serial", view.row.serial},
          {"state", state_name(view.row)},
          {"holder", view.holder_name},
          {"must_change", view.must_change}};
}

Json whole(const service::IssuingView& view) {
  auto document = card_of(view.card);
  document.update(describe_issuing(view));
  return document;
}

/// 409 with what is missing, for programs and for people.
Response incomplete(const service::IssuingView& view) {
  std::string detail;
  for (const auto& one : view.missing)
    detail += (detail.empty() ? "the card is not complete; missing: " : "; ") + one;
  auto response = problem(409, "card-incomplete", detail);
  auto document = Json::parse(response.body);
  document["missing"] = view.missing;
  response.body = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

Response finished(const Result<service::IssuingView>& view) {
  if (!view && view.error().code == Errc::corrupt) return problem(403, "card-frozen", view.error().what);
  if (!view) return problem(view.error());
  return view->missing.empty() ? json_response(200, whole(*view)) : incomplete(*view);
}

Response ask_for_blank(const Application& app, const Request& request, const service::Caller& who) {
  service::NewBlank wanted;
  const auto made = [&]() -> Result<store::CardRow> {
    CARDEA_TRY(const auto body, json_object(request));
    CARDEA_TRY(wanted.request, text_member(body, "request"));
    CARDEA_TRY(wanted.profile, text_member(body, "profile"));
    CARDEA_TRY(auto label, optional_text_member(body, "label"));
    wanted.label = std::move(label).value_or("");
    return app.issuing->blank(who, wanted);
  }();
  if (!made) return limited(made.error());
  return json_response(201, card_of({*made, ""}));
}

Response look(const Application& app, const Request& request, const service::Caller& who) {
  const auto view = app.issuing->look(who, request.parameters[0]);
  return view ? json_response(200, whole(*view)) : problem(view.error());
}

Response finish(const Application& app, const Request& request, const service::Caller& who) {
  return finished(app.issuing->finish(who, request.parameters[0]));
}

Response discard(const Application& app, const Request& request, const service::Caller& who) {
  const auto done = app.issuing->discard(who, request.parameters[0]);
  if (!done) return problem(done.error());
  Response response;
  response.status = 204;
  return response;
}

/// Those whose issuing is not over, those that were begun first.
Response list(const Application& app, const Request&, const service::Caller& who) {
  const auto views = app.issuing->unfinished(who);
  if (!views) return problem(views.error());
  auto cards = Json::array();
  for (const auto& view : *views) {
    auto card = card_of(view.card);
    card["in_use"] = view.in_use;
    card["mine"] = view.card.row.asked && view.card.row.asked->device == who.device;
    cards.push_back(std::move(card));
  }
  return json_response(200, {{"cards", std::move(cards)}});
}

using Act = Response (*)(const Application&, const Request&, const service::Caller&);

Handler for_device(const Application& app, bool needs_vault, Act act) {
  return [app, needs_vault, act](Request& request) {
    if (needs_vault && app.vault.sealed()) {
      const auto why = app.vault.check();
      return problem(503, "sealed", why ? "" : why.error().what);
    }
    const auto who = caller(app, request);
    return who ? act(app, request, *who) : authentication_problem(who.error());
  };
}

}  // namespace

std::vector<Route> issuing_routes(const Application& application) {
  return {
      {"POST", "/v1/cards", for_device(application, true, ask_for_blank), kJson},
      {"GET", "/v1/issuing", for_device(application, false, list)},
      {"GET", "/v1/cards/{id}/issuing", for_device(application, false, look)},
      {"POST", "/v1/cards/{id}/issued", for_device(application, false, finish)},
      {"DELETE", "/v1/cards/{id}", for_device(application, true, discard)},
  };
}

std::vector<Route> issuing_admin_routes(const Application& application) {
  return {
      {"GET", "/v1/admin/cards/{id}/issuing",
       [application](Request& request) {
         const auto view = application.issuing->look(request.parameters[0]);
         return view ? json_response(200, whole(*view)) : problem(view.error());
       }},
      {"POST", "/v1/admin/cards/{id}/issued",
       [application](Request& request) {
         return finished(application.issuing->finish(request.parameters[0], "administrator"));
       }},
  };
}

}  // namespace cardea::http

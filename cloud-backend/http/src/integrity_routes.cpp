// The log of changes: whether all is as the server left it, and receipts.

#include <charconv>

#include "act.h"
#include "cardea/http/interface.h"
#include "json.h"

namespace cardea::http {
namespace {

Result<service::Integrity*> integrity_of(const Application& app) {
  if (app.integrity == nullptr) return fail(Errc::unavailable, "this server keeps no log of changes");
  return app.integrity;
}

Json witness_json(service::Integrity& integrity) {
  const auto status = integrity.witness_status();
  if (!status) return nullptr;
  Json out{{"name", status->name}, {"required", status->required}, {"away", status->away}};
  if (status->away) out["reason"] = status->reason;
  if (status->time != 0) {
    out["size"] = status->size;
    out["at"] = rfc3339(store::Time{std::chrono::seconds{status->time}});
  }
  return out;
}

Result<Json> verify(const Application& app, const Request&) {
  CARDEA_TRY(auto* integrity, integrity_of(app));
  CARDEA_TRY(const auto found, integrity->verify());
  auto problems = found.problems;
  if (!found.broken.empty()) problems.insert(problems.begin(), found.broken);
  return Json{{"good", problems.empty()},
              {"leaves", found.leaves},
              {"rows", found.rows},
              {"problems", problems},
              {"witness", witness_json(*integrity)}};
}

Result<Json> receipt(const Application& app, const Request& request) {
  CARDEA_TRY(auto* integrity, integrity_of(app));
  const auto& text = request.parameters[0];
  std::uint64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ptr != text.data() + text.size()) {
    return fail(Errc::invalid, "an audit line has a number");
  }
  CARDEA_TRY(auto made, integrity->receipt(number));
  return Json{{"receipt", std::move(made)}};
}

Result<Json> key(const Application& app, const Request&) {
  CARDEA_TRY(auto* integrity, integrity_of(app));
  CARDEA_TRY(auto text, integrity->key());
  return Json{{"key", std::move(text)}};
}

/// Only what is right again is thawed.
Result<Json> thaw(const Application& app, const Request& request) {
  const auto& card = request.parameters[0];
  auto& changes = app.database.changes();
  CARDEA_TRY(const auto frozen, changes.frozen(card));
  if (!frozen) return fail(Errc::not_found, "card " + card + " is not frozen");
  CARDEA_CHECK(changes.thaw(card));
  if (const auto checked = changes.check_card(card, {}); !checked) {
    CARDEA_CHECK(changes.freeze(card, *frozen));
    return fail(Errc::conflict, checked.error().what);
  }
  return Json{{"id", card}};
}

}  // namespace

std::vector<Route> integrity_routes(const Application& application) {
  const Answering answer{application};
  return {
      {"GET", "/v1/admin/audit-log/verify", answer(200, verify)},
      {"GET", "/v1/admin/audit-log/key", answer(200, key)},
      {"GET", "/v1/admin/audit-log/lines/{number}/receipt", answer(200, receipt)},
      {"POST", "/v1/admin/cards/{id}/thaw", answer(200, thaw)},
  };
}

}  // namespace cardea::http

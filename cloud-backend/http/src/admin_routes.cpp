#include <algorithm>
#include <charconv>
#include <utility>

#include "act.h"
#include "card_json.h"
#include "cardea/api/jose.h"
#include "cardea/hex.h"
#include "cardea/http/interface.h"
#include "json.h"

namespace cardea::http {
namespace {

const std::string kActor = "administrator";  // NOLINT(cert-err58-cpp): allocates at most

Json optional_text(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json describe(const store::Organisation& row) {
  return {{"id", row.id},
          {"name", row.name},
          {"created_at", rfc3339(row.created_at)},
          {"escrow_key", row.escrow_key.empty() ? Json(nullptr) : Json(api::base64url(row.escrow_key))}};
}
Json describe(const store::Person& row) {
  return {{"id", row.id},
          {"organisation", row.organisation},
          {"name", row.name},
          {"email", row.email},
          {"created_at", rfc3339(row.created_at)}};
}
Json describe(const std::optional<card::PinStatus>& counter) {
  if (!counter) return nullptr;
  return {{"tries_left", counter->tries_left},
          {"tries_max", counter->tries_max},
          {"factory_value", counter->factory_value},
          {"must_change", counter->must_change}};
}
Json describe(const service::PasscodeView& view) {
  return {{"keys_protected", view.keys_protected},
          {"in_issuance", view.in_issuance},
          {"holders", view.holders},
          {"tenant_escrow", view.tenant_escrow}};
}
/// Which GlobalPlatform keys open a secure channel to the card, and what to think of it.
Json describe(const std::vector<std::uint8_t>& key_versions) {
  auto versions = Json::array();
  for (const auto version : key_versions)
    versions.push_back(to_hex(Bytes{version}));
  const bool initial = std::ranges::find(key_versions, 0xFF) != key_versions.end();
  const char* note = "open to whoever has its keys";
  if (key_versions.empty()) note = "closed: it has no keys (cardea org card-keys)";
  if (initial) note = "WARNING: it has its first keys (FF) still; who has these can issue it anew";
  return {{"key_versions", versions}, {"note", note}};
}
Json describe(const service::CardView& view) {
  const auto& row = view.row;
  Json out{{"id", row.id},
           {"organisation", row.organisation},
           {"label", row.label},
           {"profile", row.profile},
           {"serial", row.serial},
           {"state", state_name(row)},
           {"holder", optional_text(row.holder)},
           {"holder_name", view.holder_name},
           {"created_at", rfc3339(row.created_at)}};
  if (view.passcode) out["passcode"] = describe(*view.passcode);
  if (view.key_versions) out["card_manager"] = describe(*view.key_versions);
  if (view.pins) out["pins"] = {{"pin", describe(view.pins->pin)}, {"puk", describe(view.pins->puk)}};
  return out;
}
Json describe(const store::Device& row) {
  return {{"id", row.id},
          {"organisation", row.organisation},
          {"person", optional_text(row.person)},
          {"role", row.role == store::DeviceRole::registrar ? "registrar" : "user"},
          {"name", row.name},
          {"created_at", rfc3339(row.created_at)},
          {"revoked_at", row.revoked_at ? Json(rfc3339(*row.revoked_at)) : Json(nullptr)}};
}
Json describe(const service::SessionInfo& info) {
  return {{"id", info.id},
          {"card", info.card},
          {"device", info.device},
          {"organisation", info.organisation},
          {"opened_at", rfc3339(info.opened)},
          {"last_used_at", rfc3339(info.last_used)},
          {"exchanges", info.exchanges}};
}
Json describe(const store::AuditRow& row) {
  auto detail = Json::parse(row.detail, nullptr, false);
  return {{"number", row.number},
          {"at", rfc3339(row.at)},
          {"organisation", row.organisation},
          {"card", optional_text(row.card)},
          {"actor", row.actor},
          {"action", row.action},
          {"success", row.success},
          {"detail", detail.is_discarded() ? Json::object() : std::move(detail)}};
}

template <class T>
Result<Json> describe_all(const Result<std::vector<T>>& rows) {
  if (!rows) return tl::unexpected{rows.error()};
  auto list = Json::array();
  for (const auto& row : *rows)
    list.push_back(describe(row));
  return list;
}

Result<std::string> organisation_of(const Request& request) {
  auto organisation = request.parameter("organisation");
  if (organisation.empty()) return fail(Errc::invalid, "name the organisation");
  return organisation;
}

Result<Json> create_organisation(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto name, text_member(body, "name"));
  CARDEA_TRY(const auto row, app.directory.add_organisation(name, kActor));
  return describe(row);
}

Result<Json> list_organisations(const Application& app, const Request&) {
  return describe_all(app.directory.organisations());
}

/// The key of those who can open cards of this organisation without their holders; null: nobody.
Result<Json> set_escrow_key(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto text, optional_text_member(body, "public_key"));
  Bytes key;
  if (text) {
    const auto octets = api::from_base64url(*text);
    if (!octets || octets->empty()) return fail(Errc::invalid, "the member \"public_key\" must be base64url");
    key = *octets;
  }
  CARDEA_TRY(const auto row, app.directory.set_escrow_key(request.parameters[0], key, kActor));
  return describe(row);
}

Result<Json> create_person(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  service::NewPerson person;
  CARDEA_TRY(person.organisation, text_member(body, "organisation"));
  CARDEA_TRY(person.name, text_member(body, "name"));
  CARDEA_TRY(const auto email, optional_text_member(body, "email"));
  person.email = email.value_or("");
  CARDEA_TRY(const auto row, app.directory.add_person(person, kActor));
  return describe(row);
}

Result<Json> list_people(const Application& app, const Request& request) {
  CARDEA_TRY(const auto organisation, organisation_of(request));
  return describe_all(app.directory.people(organisation));
}

Result<Json> create_card(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  service::NewCard card;
  CARDEA_TRY(card.organisation, text_member(body, "organisation"));
  CARDEA_TRY(card.holder, optional_text_member(body, "holder"));
  CARDEA_TRY(auto profile, optional_text_member(body, "profile"));
  if (profile) card.profile = *std::move(profile);
  CARDEA_TRY(auto label, optional_text_member(body, "label"));
  if (label) card.label = *std::move(label);
  CARDEA_TRY(const auto row, app.cards.issue(card, kActor));
  CARDEA_TRY(const auto view, app.cards.show(row.id));
  return describe(view);
}

Result<Json> list_cards(const Application& app, const Request& request) {
  CARDEA_TRY(const auto organisation, organisation_of(request));
  CARDEA_TRY(const auto cards, app.cards.list(organisation));
  auto list = Json::array();
  for (const auto& card : cards) {
    CARDEA_TRY(const bool wanted, in_state(request, card.row));
    if (wanted) list.push_back(describe(card));
  }
  return list;
}

Result<Json> after(const Application& app, const Request& request, const Result<void>& done) {
  if (!done) return tl::unexpected{done.error()};
  CARDEA_TRY(const auto view, app.cards.show(request.parameters[0]));
  return describe(view);
}

Result<Json> show_card(const Application& app, const Request& request) {
  CARDEA_TRY(auto card, after(app, request, {}));
  CARDEA_TRY(const auto frozen, app.database.changes().frozen(request.parameters[0]));
  card["frozen"] = frozen ? Json(frozen->reason) : Json(nullptr);
  if (app.issuing != nullptr && (card["state"] == "blank" || card["state"] == "issuing")) {
    CARDEA_TRY(const auto issuing, app.issuing->look(request.parameters[0]));
    card["issuing"] = describe_issuing(issuing);
  }
  return card;
}
Result<Json> block_card(const Application& app, const Request& request) {
  return after(app, request, app.cards.block(request.parameters[0], kActor));
}
Result<Json> unblock_card(const Application& app, const Request& request) {
  return after(app, request, app.cards.unblock(request.parameters[0], kActor));
}
Result<Json> activate_card(const Application& app, const Request& request) {
  return after(app, request, app.cards.activate(request.parameters[0], kActor));
}
Result<Json> assign_card(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto holder, optional_text_member(body, "holder"));
  return after(app, request, app.cards.assign(request.parameters[0], holder, kActor));
}
Result<Json> delete_card(const Application& app, const Request& request) {
  const auto& id = request.parameters[0];
  CARDEA_CHECK(app.cards.remove(id, kActor));
  return Json{{"id", id}, {"deleted", true}};
}

Result<Json> create_code(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  service::NewCode code;
  CARDEA_TRY(code.organisation, text_member(body, "organisation"));
  CARDEA_TRY(code.person, optional_text_member(body, "person"));
  CARDEA_TRY(const auto role, optional_text_member(body, "role"));
  if (role && *role != "user" && *role != "registrar")
    return fail(Errc::invalid, R"(the role is "user" or "registrar")");
  if (role == "registrar") code.role = store::DeviceRole::registrar;
  if (const auto valid = body.find("valid_seconds"); valid != body.end()) {
    if (!valid->is_number_integer() || *valid < 1 || *valid > 7 * 86400) {
      return fail(Errc::invalid, "\"valid_seconds\" is a number from 1 to 604800");
    }
    code.valid = std::chrono::seconds{valid->get<std::int64_t>()};
  }
  CARDEA_TRY(const auto issued, app.directory.new_code(code, kActor));
  return Json{{"code", issued.code}, {"expires_at", rfc3339(issued.expires_at)}};
}

Result<Json> list_devices(const Application& app, const Request& request) {
  CARDEA_TRY(const auto organisation, organisation_of(request));
  return describe_all(app.directory.devices(organisation));
}

Result<Json> revoke_device(const Application& app, const Request& request) {
  const auto& id = request.parameters[0];
  CARDEA_CHECK(app.directory.revoke_device(id, kActor));
  CARDEA_TRY(const auto row, app.database.device(id));
  return describe(row);
}

Result<Json> list_sessions(const Application& app, const Request&) {
  return describe_all(Result<std::vector<service::SessionInfo>>{app.sessions.list()});
}

Result<Json> list_audit(const Application& app, const Request& request) {
  store::AuditQuery query;
  query.newest_first = true;
  if (auto organisation = request.parameter("organisation"); !organisation.empty())
    query.organisation = organisation;
  if (auto card = request.parameter("card"); !card.empty()) query.card = card;
  if (const auto limit = request.parameter("limit"); !limit.empty()) {
    const auto* const end = std::from_chars(limit.data(), limit.data() + limit.size(), query.limit).ptr;
    if (end != limit.data() + limit.size() || query.limit < 1 || query.limit > 10'000) {
      return fail(Errc::invalid, "the limit is a number from 1 to 10000");
    }
  }
  return describe_all(app.directory.audit(query));
}

Result<Json> status(const Application& app, const Request&) {
  const auto database = app.database.check();
  const auto vault = app.vault.check();
  const auto database_stats = app.database.stats();
  const auto vault_stats = app.vault.stats();
  return Json{{"ready", database && vault},
              {"database", database ? "good" : database.error().what},
              {"vault", vault ? "good" : vault.error().what},
              {"sessions", app.sessions.count()},
              {"signers", vault_stats.alive},
              {"signer_restarts", vault_stats.restarts},
              {"key_operations", vault_stats.operations},
              {"database_commits", database_stats.commits},
              {"database_writes", database_stats.writes}};
}

}  // namespace

std::vector<Route> admin_routes(const Application& application) {
  const Answering answer{application};
  return {
      {"POST", "/v1/admin/organisations", answer(201, create_organisation), kJson},
      {"GET", "/v1/admin/organisations", answer(200, list_organisations)},
      {"POST", "/v1/admin/people", answer(201, create_person), kJson},
      {"GET", "/v1/admin/people", answer(200, list_people)},
      {"POST", "/v1/admin/cards", answer(201, create_card), kJson},
      {"GET", "/v1/admin/cards", answer(200, list_cards)},
      {"GET", "/v1/admin/cards/{id}", answer(200, show_card)},
      {"DELETE", "/v1/admin/cards/{id}", answer(200, delete_card)},
      {"POST", "/v1/admin/cards/{id}/block", answer(200, block_card)},
      {"POST", "/v1/admin/cards/{id}/unblock", answer(200, unblock_card)},
      {"POST", "/v1/admin/cards/{id}/activate", answer(200, activate_card)},
      {"PUT", "/v1/admin/organisations/{id}/escrow-key", answer(200, set_escrow_key), kJson},
      {"PUT", "/v1/admin/cards/{id}/holder", answer(200, assign_card), kJson},
      {"POST", "/v1/admin/device-codes", answer(201, create_code), kJson},
      {"GET", "/v1/admin/devices", answer(200, list_devices)},
      {"POST", "/v1/admin/devices/{id}/revoke", answer(200, revoke_device)},
      {"GET", "/v1/admin/sessions", answer(200, list_sessions)},
      {"GET", "/v1/admin/audit", answer(200, list_audit)},
      {"GET", "/v1/admin/status", answer(200, status)},
  };
}

}  // namespace cardea::http

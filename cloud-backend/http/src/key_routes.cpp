// The administrator's view of keys: pool, versions, modes.

#include "act.h"
#include "cardea/http/interface.h"
#include "json.h"

namespace cardea::http {
namespace {

const std::string kActor = "administrator";  // NOLINT(cert-err58-cpp): allocates at most

Json describe(const keyring::RotationStatus& status) {
  return {{"organisation", status.organisation},  {"version", status.current},
          {"oldest_version", status.oldest},      {"state", status.running ? "wrapping anew" : "at rest"},
          {"rewrapped", status.rewrapped},        {"left", status.left},
          {"waiting_for_holders", status.waiting}};
}

Json describe(const keyring::PoolStatus& status) {
  return {{"organisation", status.organisation},
          {"algorithm", std::string{card::name(status.algorithm)}},
          {"ready", status.ready},
          {"wanted", status.wanted}};
}

Result<Json> pool_status(const Application& app, const Request&) {
  CARDEA_TRY(const auto pools, app.key_care.pool());
  auto list = Json::array();
  for (const auto& pool : pools)
    list.push_back(describe(pool));
  return list;
}

Result<Json> rotation_status(const Application& app, const Request& request) {
  CARDEA_TRY(const auto status, app.key_care.status(request.parameters[0]));
  return describe(status);
}

Result<Json> rotate(const Application& app, const Request& request) {
  CARDEA_TRY(const auto status, app.key_care.rotate(request.parameters[0], kActor));
  return describe(status);
}

Result<Json> retire(const Application& app, const Request& request) {
  CARDEA_TRY(const auto status, app.key_care.retire(request.parameters[0], kActor));
  return describe(status);
}

std::string text_of(store::KeyMode mode) {
  return mode == store::KeyMode::resident ? "resident" : "wrapped";
}

Json& add(Json& row, const keyring::ResidentStatus& resident) {
  row["resident_keys"] = resident.keys;
  row["resident_keys_cap"] = resident.cap;
  return row;
}

Result<Json> hsm_status(const Application& app, const Request&) {
  CARDEA_TRY(const auto organisations, app.database.organisations());
  auto list = Json::array();
  for (const auto& organisation : organisations) {
    CARDEA_TRY(const auto status, app.key_care.status(organisation.id));
    CARDEA_TRY(const auto mode, app.key_care.mode(organisation.id));
    CARDEA_TRY(const auto resident, app.key_care.resident(organisation.id));
    auto row = describe(status);
    row["name"] = organisation.name;
    row["key_mode"] = text_of(mode);
    list.push_back(std::move(add(row, resident)));
  }
  return list;
}

Result<Json> show_organisation(const Application& app, const Request& request) {
  CARDEA_TRY(const auto row, app.database.organisation(request.parameters[0]));
  CARDEA_TRY(const auto mode, app.key_care.mode(row.id));
  CARDEA_TRY(const auto resident, app.key_care.resident(row.id));
  CARDEA_TRY(const auto in_all, app.database.key_ledger().resident_count());
  Json out{{"id", row.id},
           {"name", row.name},
           {"created_at", rfc3339(row.created_at)},
           {"key_mode", text_of(mode)}};
  add(out, resident);
  out["resident_keys_cap_is_own"] = resident.own_cap;
  out["resident_keys_in_all"] = in_all;
  out["resident_keys_cap_in_all"] = app.vault.resident_cap();
  return out;
}

Result<store::KeyMode> mode_in(const Json& body) {
  CARDEA_TRY(const auto mode, text_member(body, "key_mode"));
  if (mode == "wrapped") return store::KeyMode::wrapped;
  if (mode == "resident") return store::KeyMode::resident;
  return fail(Errc::invalid, R"(the key mode is "wrapped" or "resident")");
}

/// Null: what the configuration gives each.
Result<std::optional<std::size_t>> cap_in(const Json& cap) {
  constexpr std::uint64_t kMost = 10'000'000;
  if (cap.is_null()) return std::optional<std::size_t>{};
  if (cap.is_number_unsigned() && cap.get<std::uint64_t>() <= kMost)
    return std::optional{cap.get<std::size_t>()};
  return fail(Errc::invalid, R"(the member "resident_keys" must be a number from 0 to 10000000, or null)");
}

Result<Json> set_organisation(const Application& app, const Request& request) {
  const auto& organisation = request.parameters[0];
  CARDEA_TRY(const auto body, json_object(request));
  const auto cap = body.find("resident_keys");
  std::optional<store::KeyMode> mode;
  std::optional<std::size_t> most;
  if (body.contains("key_mode") || cap == body.end()) {
    CARDEA_TRY(mode, mode_in(body));
  }
  if (cap != body.end()) {
    CARDEA_TRY(most, cap_in(*cap));
  }
  if (mode) CARDEA_CHECK(app.key_care.set_mode(organisation, *mode, kActor));
  if (cap != body.end()) CARDEA_CHECK(app.key_care.set_resident_cap(organisation, most, kActor));
  return show_organisation(app, request);
}

}  // namespace

std::vector<Route> key_routes(const Application& application) {
  const Answering answer{application};
  return {
      {"GET", "/v1/admin/pool", answer(200, pool_status)},
      {"GET", "/v1/admin/hsm", answer(200, hsm_status)},
      {"GET", "/v1/admin/organisations/{id}/keys", answer(200, rotation_status)},
      {"POST", "/v1/admin/organisations/{id}/keys/rotate", answer(202, rotate)},
      {"POST", "/v1/admin/organisations/{id}/keys/retire", answer(200, retire)},
      {"GET", "/v1/admin/organisations/{id}", answer(200, show_organisation)},
      {"PATCH", "/v1/admin/organisations/{id}", answer(200, set_organisation), kJson},
  };
}

}  // namespace cardea::http

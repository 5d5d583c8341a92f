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

Result<Json> hsm_status(const Application& app, const Request&) {
  CARDEA_TRY(const auto organisations, app.database.organisations());
  auto list = Json::array();
  for (const auto& organisation : organisations) {
    CARDEA_TRY(const auto status, app.key_care.status(organisation.id));
    CARDEA_TRY(const auto mode, app.key_care.mode(organisation.id));
    auto row = describe(status);
    row["name"] = organisation.name;
    row["key_mode"] = mode == store::KeyMode::resident ? "resident" : "wrapped";
    list.push_back(std::move(row));
  }
  return list;
}

Result<Json> set_organisation(const Application& app, const Request& request) {
  const auto& organisation = request.parameters[0];
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto mode, text_member(body, "key_mode"));
  if (mode != "wrapped" && mode != "resident") {
    return fail(Errc::invalid, R"(the key mode is "wrapped" or "resident")");
  }
  const auto wanted = mode == "resident" ? store::KeyMode::resident : store::KeyMode::wrapped;
  CARDEA_CHECK(app.key_care.set_mode(organisation, wanted, kActor));
  CARDEA_TRY(const auto row, app.database.organisation(organisation));
  return Json{{"id", row.id}, {"name", row.name}, {"key_mode", mode}};
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
      {"PATCH", "/v1/admin/organisations/{id}", answer(200, set_organisation), kJson},
  };
}

}  // namespace cardea::http

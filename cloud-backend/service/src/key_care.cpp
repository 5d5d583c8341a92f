#include "cardea/service/key_care.h"

#include <utility>

#include "noted.h"

namespace cardea::service {

Result<store::Organisation> KeyCare::announce(const std::string& organisation, const std::string& actor,
                                              std::string_view action, std::string detail) {
  CARDEA_TRY(auto row, world_.database.organisation(organisation));
  store::AuditRow line;
  line.at = world_.clock.now();
  line.organisation = row.id;
  line.actor = actor;
  line.action = action;
  line.detail = std::move(detail);
  CARDEA_CHECK(noted(world_, line, row.id));
  return row;
}

Result<void> KeyCare::note(std::string_view action, bool success, std::string detail,
                           const std::string& actor) {
  store::AuditRow line;
  line.at = world_.clock.now();
  line.actor = actor;
  line.action = action;
  line.success = success;
  line.detail = std::move(detail);
  return noted(world_, line, "hsm");
}

Result<keyring::RotationStatus> KeyCare::rotate(const std::string& organisation, const std::string& actor) {
  CARDEA_TRY(const auto row, announce(organisation, actor, "hsm.rotate", "{}"));
  CARDEA_CHECK(keyring_.rotate(row.id));
  return keyring_.rotation(row.id);
}

Result<keyring::RotationStatus> KeyCare::retire(const std::string& organisation, const std::string& actor) {
  CARDEA_TRY(const auto row, announce(organisation, actor, "hsm.retire", "{}"));
  CARDEA_CHECK(keyring_.retire(row.id));
  return keyring_.rotation(row.id);
}

Result<keyring::RotationStatus> KeyCare::status(const std::string& organisation) {
  CARDEA_TRY(const auto row, world_.database.organisation(organisation));
  return keyring_.rotation(row.id);
}

Result<void> KeyCare::set_mode(const std::string& organisation, store::KeyMode mode,
                               const std::string& actor) {
  CARDEA_TRY(const auto row,
             announce(organisation, actor, "organisation.key_mode",
                      mode == store::KeyMode::resident ? R"({"mode":"resident"})" : R"({"mode":"wrapped"})"));
  return world_.database.key_ledger().set_key_mode(row.id, mode);
}

Result<store::KeyMode> KeyCare::mode(const std::string& organisation) {
  CARDEA_TRY(const auto row, world_.database.organisation(organisation));
  return world_.database.key_ledger().key_mode(row.id);
}

Result<void> KeyCare::set_resident_cap(const std::string& organisation, std::optional<std::size_t> cap,
                                       const std::string& actor) {
  CARDEA_TRY(const auto row,
             announce(organisation, actor, "organisation.resident_keys",
                      R"({"cap":)" + (cap ? std::to_string(*cap) : std::string{"null"}) + "}"));
  return world_.database.key_ledger().set_resident_cap(row.id, cap);
}

Result<keyring::ResidentStatus> KeyCare::resident(const std::string& organisation) {
  CARDEA_TRY(const auto row, world_.database.organisation(organisation));
  return keyring_.resident(row.id);
}

}  // namespace cardea::service

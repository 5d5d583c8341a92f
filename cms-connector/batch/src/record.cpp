#include "cardea/cms/batch/record.h"

#include <algorithm>
#include <array>

#include "cardea/cms/perso/json_object.h"

namespace cardea::cms::batch {

namespace {

using perso::Json;
using perso::JsonObject;

constexpr int kVersion = 1;
constexpr std::int64_t kMostLines = 10'000'000;

struct NamedStage {
  Stage stage;
  std::string_view name;
};
constexpr std::array<NamedStage, 4> kStages{{{Stage::pending, "pending"},
                                             {Stage::issuing, "issuing"},
                                             {Stage::done, "done"},
                                             {Stage::failed, "failed"}}};

std::string stage_name(Stage stage) {
  const auto* row = std::find_if(kStages.begin(), kStages.end(),
                                 [&](const NamedStage& named) { return named.stage == stage; });
  return std::string{row->name};
}

Json entry_json(const Entry& entry) {
  Json out = {{"line", entry.person.line},
              {"subject", entry.person.holder.subject},
              {"stage", stage_name(entry.stage)}};
  const auto put = [&](const char* key, const std::string& text) {
    if (!text.empty()) out[key] = text;
  };
  put("id", entry.person.id);
  put("upn", entry.person.holder.upn);
  put("email", entry.person.holder.email);
  put("guid", entry.guid);
  put("reason", entry.reason);
  if (!entry.guid.empty()) out["state"] = "cards/" + entry.guid + ".json";
  if (entry.serial) out["serial"] = *entry.serial;
  if (!entry.certificates.empty()) out["certificates"] = entry.certificates;
  if (!entry.given_up.empty()) out["given_up"] = entry.given_up;
  return out;
}

Result<void> read_certificates(JsonObject& in, Entry& out) {
  const Json* members = in.find("certificates");
  if (members == nullptr) return {};
  if (!members->is_object()) return in.wrong("certificates", "must be an object");
  for (const auto& [slot, serial] : members->items()) {
    if (!serial.is_string()) return in.wrong("certificates", "must hold texts");
    out.certificates[slot] = serial.get<std::string>();
  }
  return {};
}

Result<Entry> read_entry(const Json& json, const std::string& place) {
  CARDEA_TRY(auto in, JsonObject::from(json, place));
  Entry out;
  CARDEA_TRY(const auto line, in.number("line", 0, 0, kMostLines));
  out.person.line = static_cast<std::size_t>(line);
  CARDEA_TRY(out.person.holder.subject, in.text("subject", ""));
  CARDEA_TRY(out.person.holder.upn, in.text("upn", ""));
  CARDEA_TRY(out.person.holder.email, in.text("email", ""));
  CARDEA_TRY(out.person.id, in.text("id", ""));
  CARDEA_TRY(out.guid, in.text("guid", ""));
  CARDEA_TRY(out.reason, in.text("reason", ""));
  (void)in.find("state");  // follows from the GUID; for people
  CARDEA_TRY(const auto serial, in.number("serial", -1, -1, 0xFFFFFFFFLL));
  if (serial >= 0) out.serial = static_cast<std::uint32_t>(serial);
  CARDEA_TRY(const auto stage, in.text("stage", ""));
  const auto* row = std::find_if(kStages.begin(), kStages.end(),
                                 [&](const NamedStage& named) { return named.name == stage; });
  if (row == kStages.end()) return in.wrong("stage", "must be pending, issuing, done or failed");
  out.stage = row->stage;
  CARDEA_CHECK(read_certificates(in, out));
  CARDEA_TRY(out.given_up, in.texts("given_up"));
  CARDEA_CHECK(in.nothing_else());
  return out;
}

Result<Record> read_record(std::string_view text) {
  CARDEA_TRY(const Json json, perso::parse_json(text, "the batch's record"));
  CARDEA_TRY(auto in, JsonObject::from(json, "batch"));
  CARDEA_TRY(const auto version, in.number("version", 0, 0, 1000));
  if (version != kVersion)
    return fail(Errc::unsupported, "the batch's record is of another version of this program");
  Record out;
  CARDEA_TRY(out.plan, in.text("plan", ""));
  CARDEA_TRY(out.reader, in.text("reader", ""));
  CARDEA_TRY(out.seal_to, in.text("seal_to", ""));
  CARDEA_TRY(out.keep_secrets, in.flag("keep_secrets", false));
  const Json* people = in.find("people");
  if (people == nullptr || !people->is_array()) return in.wrong("people", "must be a list");
  for (std::size_t i = 0; i < people->size(); ++i) {
    CARDEA_TRY(auto entry, read_entry((*people)[i], "people[" + std::to_string(i) + "]"));
    out.entries.push_back(std::move(entry));
  }
  CARDEA_CHECK(in.nothing_else());
  return out;
}

}  // namespace

Record new_record(std::string plan, const std::vector<Person>& people) {
  Record out;
  out.plan = std::move(plan);
  for (const auto& person : people) {
    out.entries.emplace_back();
    out.entries.back().person = person;
  }
  return out;
}

std::string to_text(const Record& record) {
  Json people = Json::array();
  for (const auto& entry : record.entries)
    people.push_back(entry_json(entry));
  const Json out = {{"version", kVersion},
                    {"plan", record.plan},
                    {"reader", record.reader},
                    {"seal_to", record.seal_to},
                    {"keep_secrets", record.keep_secrets},
                    {"people", people}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Record> parse_record(std::string_view text) {
  auto record = read_record(text);
  if (!record && record.error().code == Errc::invalid)
    return fail(Errc::corrupt, "the batch's record is damaged: " + record.error().what);
  return record;
}

}  // namespace cardea::cms::batch

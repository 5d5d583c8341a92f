#include "cardea/api/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace cardea::api {

Result<nlohmann::json> parse_json(std::string_view text) {
  std::vector<std::set<std::string>> names;  // of the objects that are open, outermost first
  bool refused = false;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (refused) return false;  // the rest is only read to its end, not kept
    refused = depth > static_cast<int>(kMaxJsonDepth);
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(value.get<std::string>()).second) refused = true;
    return !refused;
  };
  auto document = nlohmann::json::parse(text.begin(), text.end(), watch, false);
  if (refused) return fail(Errc::invalid, "the JSON has a member twice, or is nested too deeply");
  if (document.is_discarded()) return fail(Errc::invalid, "this is not JSON");
  return document;
}

std::string text_member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::vector<std::string> texts_member(const nlohmann::json& object, const char* name) {
  std::vector<std::string> texts;
  if (!object.is_object()) return texts;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return texts;
  for (const auto& one : *found)
    if (one.is_string()) texts.push_back(one.get<std::string>());
  return texts;
}

}  // namespace cardea::api

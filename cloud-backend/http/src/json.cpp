#include "json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace cardea::http {

Response json_response(int status, const Json& document) {
  Response response;
  response.status = status;
  response.content_type = kJson;
  response.body = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

Result<Json> json_object(const Request& request) {
  auto document = Json::parse(request.body, nullptr, false);
  if (!document.is_object()) return fail(Errc::invalid, "the body must be a JSON object");
  return document;
}

Result<std::string> text_member(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_string()) {
    return fail(Errc::invalid, fmt::format("the member \"{}\" must be a string", name));
  }
  return at->get<std::string>();
}

Result<std::optional<std::string>> optional_text_member(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || at->is_null()) return std::optional<std::string>{};
  CARDEA_TRY(auto text, text_member(object, name));
  return std::optional<std::string>{std::move(text)};
}

std::string rfc3339(store::Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds.time_since_epoch().count()),
                     (time - seconds).count());
}

}  // namespace cardea::http

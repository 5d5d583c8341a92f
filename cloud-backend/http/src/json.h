#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cardea/http/message.h"
#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::http {

using Json = nlohmann::json;

inline constexpr std::string_view kJson = "application/json";

Response json_response(int status, const Json& document);

/// The body as a JSON object. Errors: `invalid`.
Result<Json> json_object(const Request& request);

/// A member that must be a string. Errors: `invalid`, with its name.
Result<std::string> text_member(const Json& object, const char* name);
/// The same when it may be missing or null.
Result<std::optional<std::string>> optional_text_member(const Json& object, const char* name);

/// RFC 3339, UTC, with milliseconds.
std::string rfc3339(store::Time time);

}  // namespace cardea::http

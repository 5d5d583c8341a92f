#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/result.h"

namespace cardea::api {

/// Deepest nesting that any of our documents needs, with room to spare.
inline constexpr std::size_t kMaxJsonDepth = 16;

/// Reads JSON from outside: strict RFC 8259 in UTF-8, no member name twice in an object (RFC 8259 leaves open
/// which one counts, and two readers that differ are how checks are bypassed), at most kMaxJsonDepth deep.
/// Never throws. Errors: `invalid`.
Result<nlohmann::json> parse_json(std::string_view text);

/// The text member `name` of `object`, or nothing where it is missing or no text.
std::string text_member(const nlohmann::json& object, const char* name);

/// The texts in the array `name` of `object`, or none where it is missing or no array.
std::vector<std::string> texts_member(const nlohmann::json& object, const char* name);

}  // namespace cardea::api

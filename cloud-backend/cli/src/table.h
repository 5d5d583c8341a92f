#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace cardea::cli {

/// Heading and the member of each row that stands under it.
using Columns = std::vector<std::pair<std::string, std::string>>;

/// A list of objects as aligned text, a line each.
std::string table(const nlohmann::json& rows, const Columns& columns);

/// One object as "name: value" lines.
std::string sheet(const nlohmann::json& object, const Columns& columns);

}  // namespace cardea::cli

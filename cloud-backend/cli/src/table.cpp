#include "table.h"

#include <algorithm>

namespace cardea::cli {
namespace {

/// A try counter in words.
std::string counter(const nlohmann::json& value) {
  return value["tries_left"].dump() + " of " + value["tries_max"].dump() + " tries left" +
         (value.value("factory_value", false) ? ", factory value" : "") +
         (value.value("must_change", false) ? ", to be changed by the holder before keys are used" : "");
}

/// Words of ours, one after the other.
std::string list(const nlohmann::json& values) {
  std::string out;
  for (const auto& value : values)
    out += (out.empty() ? "" : ", ") + (value.is_string() ? value.get<std::string>() : value.dump());
  return out.empty() ? "-" : out;
}

/// `name` is a member, or a path to one: "pins/puk".
std::string cell(const nlohmann::json& row, const std::string& name) {
  const nlohmann::json::json_pointer path{"/" + name};
  if (!row.contains(path)) return "-";
  const auto& value = row.at(path);
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.contains("tries_left") && value.contains("tries_max")) return counter(value);
  if (value.is_array()) return list(value);
  if (!value.is_string()) return value.dump();
  auto text = value.get<std::string>();
  // Names come from people: what would move the cursor or change the window's title is not printed.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      '?');
  return text.empty() ? "-" : text;
}

/// Code points, which is near enough to columns for names.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string table(const nlohmann::json& rows, const Columns& columns) {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& [heading, name] : columns)
    lines.front().push_back(heading);
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& [heading, name] : columns)
      line.push_back(cell(row, name));
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out += std::string(widths[i] - width(line[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string sheet(const nlohmann::json& object, const Columns& columns) {
  std::size_t widest = 0;
  for (const auto& [heading, name] : columns)
    widest = std::max(widest, width(heading));
  std::string out;
  for (const auto& [heading, name] : columns) {
    out += heading + ":" + std::string(widest - width(heading) + 1, ' ') + cell(object, name) + "\n";
  }
  return out;
}

}  // namespace cardea::cli

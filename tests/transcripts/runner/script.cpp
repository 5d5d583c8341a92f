#include "script.h"

#include <sstream>

namespace cardea::transcript {

namespace {

constexpr std::string_view kBlank = " \t\r";

std::string without_comment(const std::string& line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && (i == 0 || kBlank.find(line[i - 1]) != std::string_view::npos))
      return line.substr(0, i);
  }
  return line;
}

}  // namespace

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(kBlank) - first + 1)};
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}') --depth;
    if (text[i] == separator && depth == 0) {
      out.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  out.push_back(trim(text.substr(begin)));
  return out;
}

std::vector<Line> read_script(std::string_view text) {
  std::vector<Line> out;
  std::istringstream in{std::string{text}};
  std::string raw;
  for (int number = 1; std::getline(in, raw); ++number) {
    const auto line = without_comment(raw);
    const auto content = trim(line);
    if (content.empty()) continue;
    if (kBlank.find(line[0]) != std::string_view::npos) {
      if (out.empty()) throw Mismatch{"a continuation line without a line before it"};
      out.back().rest.append(" ").append(content);
      continue;
    }
    const auto end = content.find_first_of(kBlank);
    out.push_back({number, content.substr(0, end),
                   end == std::string::npos ? std::string{} : trim(std::string_view{content}.substr(end))});
  }
  return out;
}

}  // namespace cardea::transcript

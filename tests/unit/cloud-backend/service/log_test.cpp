#include "log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "cardea/test/temp_dir.h"

using namespace cardea;
using cardead::Level;
using cardead::Log;

namespace {

/// What `write` puts on stderr, line by line.
template <class Write>
std::vector<std::string> lines_of(config::LogFormat format, const Write& write) {
  const test::TempDir dir;
  const auto file = dir.path / "log";
  const int kept = ::dup(STDERR_FILENO);
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::dup2(fd, STDERR_FILENO) >= 0);
  {
    config::Log settings;
    settings.level = "debug";
    settings.format = format;
    const Log log{settings};
    write(log);
  }
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(fd);
  std::vector<std::string> lines;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

void write_all(const Log& log) {
  log.write(Level::debug, "apdu", "card=x → 9000", {{"card", "x"}, {"sw", "9000"}});
  log.write(Level::info, "session.open", {{"session", "s"}});
  log.write(Level::warn, "card.create", {{"label", "a \"quoted\"\nlabel\t{} %v \\ \x01"}});
  log.write(Level::error, "tls.renew", {{"reason", "no \xFF UTF-8"}, {"empty", ""}});
}

}  // namespace

TEST_CASE("log: every line of the JSON form parses and has time, level and event") {
  const auto lines = lines_of(config::LogFormat::json, write_all);
  REQUIRE(lines.size() == 4);
  const std::vector<std::pair<std::string, std::string>> expected{
      {"debug", "apdu"}, {"info", "session.open"}, {"warning", "card.create"}, {"error", "tls.renew"}};
  const std::regex time{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CAPTURE(lines[i]);
    const auto line = nlohmann::json::parse(lines[i], nullptr, false);
    REQUIRE(line.is_object());
    CHECK(std::regex_match(line.value("time", ""), time));
    CHECK(line.value("level", "") == expected[i].first);
    CHECK(line.value("event", "") == expected[i].second);
  }
  CHECK(nlohmann::json::parse(lines[2])["label"] == "a \"quoted\"\nlabel\t{} %v \\ \x01");
  CHECK(nlohmann::json::parse(lines[3])["reason"] == "no \xEF\xBF\xBD UTF-8");
}

TEST_CASE("log: a value cannot begin another line of the text form") {
  const auto lines = lines_of(config::LogFormat::text, write_all);
  REQUIRE(lines.size() == 4);
  CHECK(lines[2].find("card.create label=\"a \\\"quoted\\\"\\nlabel") != std::string::npos);
  CHECK(lines[0].substr(lines[0].size() - 15) == "card=x → 9000");
}

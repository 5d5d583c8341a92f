#include "log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <nlohmann/json.hpp>

namespace cardea::cardead {
namespace {

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      break;
  }
  return spdlog::level::err;
}

/// Octets that are no UTF-8 become U+FFFD: a line that cannot be read back is a line lost.
void append_json_text(std::string& out, std::string_view text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A value that could be taken for more than one, or for the end of the line, is put in quotes.
void append_text(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(std::string_view{" =\"\\\n\r\t", 7}) == std::string_view::npos) {
    out += text;
  } else {
    append_json_text(out, text);
  }
}

}  // namespace

Log::Log(const config::Log& settings)
    : logger_{std::make_shared<spdlog::logger>("cardead", std::make_shared<spdlog::sinks::stderr_sink_mt>())},
      json_{settings.format == config::LogFormat::json} {
  logger_->set_level(spdlog::level::from_str(settings.level));
  logger_->set_pattern(
      json_ ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc);
}

Log::~Log() {
  logger_->flush();
}

bool Log::wants(Level level) const {
  return logger_->should_log(native(level));
}

void Log::write(Level level, std::string_view event, Fields fields) const noexcept {
  write(level, event, {}, fields);
}

void Log::write(Level level, std::string_view event, std::string_view text, Fields fields) const noexcept {
  if (!wants(level)) return;
  try {
    std::string line;
    if (json_) {
      line = "\"event\":";
      append_json_text(line, event);
      for (const auto& [name, value] : fields) {
        line += ',';
        append_json_text(line, name);
        line += ':';
        append_json_text(line, value);
      }
    } else if (!text.empty()) {
      line = text;
    } else {
      line = event;
      for (const auto& [name, value] : fields) {
        line += ' ';
        line += name;
        line += '=';
        append_text(line, value);
      }
    }
    logger_->log(native(level), "{}", line);
  } catch (const std::exception&) {
    return;  // a line that cannot be written must not end what it reports on
  }
}

}  // namespace cardea::cardead

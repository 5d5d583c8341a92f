#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cardea/config/settings.h"

namespace spdlog {
class logger;
}

namespace cardea::cardead {

enum class Level { debug, info, warn, error };

/// Structured lines on stderr: "event name=value …" for people, one JSON object a line for machines.
class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Log(const config::Log& settings);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  [[nodiscard]] bool wants(Level level) const;
  void write(Level level, std::string_view event, Fields fields) const noexcept;
  /// A line whose text form is made by the caller.
  void write(Level level, std::string_view event, std::string_view text, Fields fields) const noexcept;

 private:
  std::shared_ptr<spdlog::logger> logger_;
  bool json_;
};

}  // namespace cardea::cardead

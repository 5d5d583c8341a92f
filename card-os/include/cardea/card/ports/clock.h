#pragma once

#include <chrono>

namespace cardea::card {

/// Wall-clock time. Never goes backwards within a session.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual std::chrono::sys_time<std::chrono::milliseconds> now() const = 0;
};

}  // namespace cardea::card

#pragma once

#include <string_view>

#include "cardea/service/world.h"

namespace cardea::service {

/// Writes the line into the audit log and tells the observer about `subject`. A line that could not be
/// written has failed whatever it says: its caller goes no further.
inline Result<void> noted(const World& world, const store::AuditRow& line, std::string_view subject) {
  auto written = world.database.append(line);
  world.observer.administered(line.action, subject, line.success && written.has_value());
  return written;
}

}  // namespace cardea::service

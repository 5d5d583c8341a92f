#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "noted.h"

namespace cardea::service {

/// Tells the observer and the audit log what was done to a card.
inline Result<void> note_card(const World& world, const store::CardRow& row, const std::string& actor,
                              std::string_view action, bool success, std::string detail) {
  store::AuditRow line;
  line.at = world.clock.now();
  line.organisation = row.organisation;
  line.card = row.id;
  line.actor = actor;
  line.action = action;
  line.success = success;
  line.detail = std::move(detail);
  return noted(world, line, row.id);
}

}  // namespace cardea::service

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace cardea::slot {

/// Who asks for a slot.
struct Applicant {
  uid_t user = 0;
  std::vector<gid_t> groups;
};

/// Whether somebody may put cards into the reader at all: root, the user that the reader's own process runs
/// as, and the members of `group`, if there is one. Whoever may can still find the slot taken (Slot::insert).
bool may_use(const Applicant& who, uid_t own_user, std::optional<gid_t> group);

/// The number of a group; nothing when there is none of this name.
std::optional<gid_t> group_id(const std::string& name);

}  // namespace cardea::slot

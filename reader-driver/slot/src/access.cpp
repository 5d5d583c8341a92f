#include "cardea/slot/access.h"

#include <grp.h>

#include <algorithm>
#include <cerrno>

namespace cardea::slot {

bool may_use(const Applicant& who, uid_t own_user, std::optional<gid_t> group) {
  if (who.user == 0 || who.user == own_user) return true;
  return group && std::ranges::find(who.groups, *group) != who.groups.end();
}

std::optional<gid_t> group_id(const std::string& name) {
  constexpr std::size_t kRoom = 4096;
  constexpr std::size_t kMostRoom = 1U << 20U;
  std::vector<char> room(kRoom);
  group entry{};
  group* found = nullptr;
  // A group with many members needs more room for its entry.
  while (::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) == ERANGE) {
    if (room.size() >= kMostRoom) return std::nullopt;
    room.resize(room.size() * 4);
  }
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

}  // namespace cardea::slot

#pragma once

#include <optional>
#include <string>

#include "cardea/store/rows.h"

namespace cardea::identity {

/// On whose behalf a request runs. Role and person come from the directory at the time of the request, never
/// from a token.
struct Principal {
  std::string device;  ///< thumbprint of its key
  std::string organisation;
  std::optional<std::string> person;
  store::DeviceRole role = store::DeviceRole::user;

  friend bool operator==(const Principal&, const Principal&) = default;
};

}  // namespace cardea::identity

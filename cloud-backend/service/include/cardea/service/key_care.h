#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cardea/keyring/keyring.h"
#include "cardea/service/world.h"

namespace cardea::service {

/// What an administrator does with the keys of organisations. Each act is in the audit log, announced before
/// it is done.
class KeyCare {
 public:
  KeyCare(World world, keyring::Keyring& keyring) : world_{world}, keyring_{keyring} {}

  // `organisation` is an id or a name. Errors: `not_found`, those of the keyring.
  Result<keyring::RotationStatus> rotate(const std::string& organisation, const std::string& actor);
  Result<keyring::RotationStatus> retire(const std::string& organisation, const std::string& actor);
  Result<keyring::RotationStatus> status(const std::string& organisation);

  /// Where keys go that are made from now on; those that are there stay where they are.
  Result<void> set_mode(const std::string& organisation, store::KeyMode mode, const std::string& actor);
  Result<store::KeyMode> mode(const std::string& organisation);
  /// How many resident keys it may have; none: as many as the configuration gives each.
  Result<void> set_resident_cap(const std::string& organisation, std::optional<std::size_t> cap,
                                const std::string& actor);
  Result<keyring::ResidentStatus> resident(const std::string& organisation);

  /// A line in the audit log about the HSM as a whole.
  Result<void> note(std::string_view action, bool success, std::string detail, const std::string& actor);

  Result<std::vector<keyring::PoolStatus>> pool() { return keyring_.pool(); }

 private:
  Result<store::Organisation> announce(const std::string& organisation, const std::string& actor,
                                       std::string_view action, std::string detail);

  World world_;
  keyring::Keyring& keyring_;
};

}  // namespace cardea::service

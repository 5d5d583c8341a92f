#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cardea/identity/principal.h"
#include "cardea/result.h"
#include "cardea/store/database.h"

namespace cardea::identity {

/// Which devices there are and what they may open. Thread-safe. Looked-up devices are kept in memory.
///
/// Law: a call of `find` that begins after `revoked` returned never finds the device usable.
class DeviceDirectory {
 public:
  /// `database` outlives this.
  explicit DeviceDirectory(store::Database& database) : database_{database} {}
  DeviceDirectory(const DeviceDirectory&) = delete;
  DeviceDirectory& operator=(const DeviceDirectory&) = delete;
  ~DeviceDirectory() = default;

  /// The device, which is not revoked. Errors: `denied` for an unknown or revoked one, those of the database.
  Result<store::Device> find(const std::string& id);

  /// To be called once the database has the revocation.
  void revoked(const std::string& id);

  /// The cards this device may open: a user's are those of its person, a registrar's all of its organisation.
  Result<std::vector<store::CardRow>> cards(const Principal& who);

  /// The card, if this device may open it. `not_found` otherwise, so that ids cannot be probed. Whether the
  /// card is blocked is left to the caller.
  Result<store::CardRow> card(const Principal& who, const std::string& id);

 private:
  static constexpr std::size_t kMaxKept = 100'000;

  store::Database& database_;
  std::mutex mutex_;
  std::uint64_t revocations_ = 0;  // tells a look-up that began before one
  std::unordered_map<std::string, store::Device> kept_;
};

}  // namespace cardea::identity

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

/// A user's device may open the cards of its person, a registrar's all of its organisation. Errors:
/// `not_found`, so that ids cannot be probed.
Result<void> may_open(const Principal& who, const store::CardRow& card);

/// Which devices there are and what they may open. Thread-safe. Looked-up devices are kept in memory, as they
/// were when they were compared with the log of changes.
///
/// Law: a call of `find` that begins after `revoked` returned never finds the device usable.
class DeviceDirectory {
 public:
  /// `database` outlives this.
  explicit DeviceDirectory(store::Database& database) : database_{database} {}
  DeviceDirectory(const DeviceDirectory&) = delete;
  DeviceDirectory& operator=(const DeviceDirectory&) = delete;
  ~DeviceDirectory() = default;

  /// The device, which is not revoked. Errors: `denied` for an unknown or revoked one, `corrupt` for one
  /// whose row somebody else changed, those of the database.
  Result<store::Device> find(const std::string& id);

  /// To be called once the database has the revocation.
  void revoked(const std::string& id);

  /// The cards this device may open.
  Result<std::vector<store::CardRow>> cards(const Principal& who);

  /// The card, if this device may open it; `not_found` otherwise. Whether the card is blocked is left to the
  /// caller.
  Result<store::CardRow> card(const Principal& who, const std::string& id);

 private:
  static constexpr std::size_t kMaxKept = 100'000;

  store::Database& database_;
  std::mutex mutex_;
  std::uint64_t revocations_ = 0;  // tells a look-up that began before one
  bool compared_ = false;          // what is kept was compared
  std::unordered_map<std::string, store::Device> kept_;
};

}  // namespace cardea::identity

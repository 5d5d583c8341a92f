#include "cardea/identity/device_directory.h"

#include <utility>

namespace cardea::identity {

Result<store::Device> DeviceDirectory::find(const std::string& id) {
  std::uint64_t revocations_before = 0;
  const bool compared = database_.changes().on();
  {
    const std::lock_guard lock{mutex_};
    // Before the database was protected, anybody's row was as good as the server's.
    if (compared && !std::exchange(compared_, true)) kept_.clear();
    if (const auto kept = kept_.find(id); kept != kept_.end()) return kept->second;
    revocations_before = revocations_;
  }
  auto device = database_.changes().checked_device(id);
  if (!device && device.error().code == Errc::not_found)
    return fail(Errc::denied, "the device is not known here");
  if (!device) return device;
  if (device->revoked_at) return fail(Errc::denied, "the device has been revoked");

  const std::lock_guard lock{mutex_};
  // What was read before a revocation may be that device as it was: good for this call, not for keeping.
  if (revocations_ == revocations_before && compared_ == compared) {
    if (kept_.size() >= kMaxKept) kept_.clear();
    kept_.insert_or_assign(id, *device);
  }
  return device;
}

void DeviceDirectory::revoked(const std::string& id) {
  const std::lock_guard lock{mutex_};
  ++revocations_;
  kept_.erase(id);
}

namespace {

tl::unexpected<Error> no_such_card() {
  return fail(Errc::not_found, "there is no such card for this device");
}

}  // namespace

Result<void> may_open(const Principal& who, const store::CardRow& card) {
  const bool may = card.organisation == who.organisation &&
                   (who.role == store::DeviceRole::registrar || (who.person && card.holder == who.person));
  if (!may) return no_such_card();
  return {};
}

Result<std::vector<store::CardRow>> DeviceDirectory::cards(const Principal& who) {
  if (who.role == store::DeviceRole::registrar) return database_.cards(who.organisation);
  if (!who.person) return std::vector<store::CardRow>{};
  return database_.cards_of(who.organisation, *who.person);
}

Result<store::CardRow> DeviceDirectory::card(const Principal& who, const std::string& id) {
  auto card = database_.card(id);
  if (!card && card.error().code != Errc::not_found) return card;
  if (!card) return no_such_card();
  CARDEA_CHECK(may_open(who, *card));
  return card;
}

}  // namespace cardea::identity

#include "cardea/test/memory_pin_vault.h"

#include <algorithm>

namespace cardea::test {

namespace {

constexpr unsigned kDefaultTries = 3;

const SecretBytes& plain(const card::PinEvidence& evidence) {
  return std::get<card::PlainPin>(evidence).value;
}

Result<void> takes(const card::PinEvidence& evidence) {
  if (std::holds_alternative<card::PlainPin>(evidence)) return {};
  return fail(Errc::denied, "this vault takes PINs in plain text only");
}

}  // namespace

Result<card::PinStatus> MemoryPinVault::status(card::PinRef ref) {
  const auto held = medium_.lock();
  const auto it = entries_.find(ref);
  if (it == entries_.end()) return fail(Errc::not_found, "this PIN was never set");
  return it->second.status;
}

Result<card::PinVerdict> MemoryPinVault::verify(card::PinRef ref, const card::PinEvidence& evidence) {
  CARDEA_CHECK(takes(evidence));
  const auto held = medium_.lock();
  const auto it = entries_.find(ref);
  if (it == entries_.end()) return fail(Errc::not_found, "this PIN was never set");
  auto& entry = it->second;
  if (entry.status.tries_left == 0) return card::PinVerdict{false, entry.status};

  CARDEA_CHECK(medium_.step());
  --entry.status.tries_left;
  ++comparisons_;
  if (!same_secret(entry.value, plain(evidence))) return card::PinVerdict{false, entry.status};
  ++matches_;
  CARDEA_CHECK(medium_.step());
  entry.status.tries_left = entry.status.tries_max;
  return card::PinVerdict{true, entry.status};
}

Result<void> MemoryPinVault::replace(std::span<const card::PinUpdate> updates) {
  const auto held = medium_.lock();
  for (const auto& update : updates) {
    if (update.value == nullptr) return fail(Errc::invalid, "a PIN needs a value");
    CARDEA_CHECK(takes(*update.value));
    if (update.tries_max && (*update.tries_max == 0 || *update.tries_max > 255)) {
      return fail(Errc::invalid, "a PIN has 1 to 255 tries");
    }
    const auto it = entries_.find(update.ref);
    if (update.replaces && *update.replaces != (it == entries_.end() ? 0 : it->second.status.version))
      return fail(Errc::conflict, "the PIN has another value by now");
  }
  CARDEA_CHECK(medium_.step());
  for (const auto& update : updates) {
    auto& entry = entries_[update.ref];
    const unsigned present = entry.status.tries_max == 0 ? kDefaultTries : entry.status.tries_max;
    entry.value = plain(*update.value).clone();
    entry.status.tries_max = update.tries_max.value_or(present);
    entry.status.tries_left = entry.status.tries_max;
    entry.status.factory_value = update.factory_value;
    entry.status.must_change = update.factory_value || (update.source == card::PinSource::issuer &&
                                                        update.ref == card::PinRef::application);
    ++entry.status.version;
  }
  return {};
}

Result<bool> MemoryPinVault::change_awaited() {
  const auto held = medium_.lock();
  return await_changes_ &&
         std::ranges::any_of(entries_, [](const auto& entry) { return entry.second.status.must_change; });
}

std::uint64_t MemoryPinVault::comparisons() const {
  const auto held = medium_.lock();
  return comparisons_;
}

std::uint64_t MemoryPinVault::matches() const {
  const auto held = medium_.lock();
  return matches_;
}

}  // namespace cardea::test

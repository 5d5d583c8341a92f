#include <algorithm>

#include "engine/error_map.h"
#include "piv/card_record.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

RecordId key_id(std::uint8_t reference) {
  return {RecordSpace::key, reference};
}

}  // namespace

/// Which key it is: all of the record but the sealed form, which the vault may renew in the middle of a
/// session.
Digest Piv::fingerprint_of(KeyRecord record) const {
  record.handle.sealed.clear();
  return ports_.crypto.sha256(encode(record));
}

/// The 9B key, read once a command.
CardResult<const Piv::ManagementKey*> Piv::management_key() {
  if (!management_key_) {
    CARDEA_TRY(const auto octets, lift(ports_.store.get(key_id(kManagementKey))));
    if (!octets) return refuse(sw::kReferencedDataNotFound);
    CARDEA_TRY(auto record, lift(decode_key_record(*octets)));
    if (record.handle.slot.reference != kManagementKey) return refuse(sw::kMemoryFailure);
    const auto fingerprint = fingerprint_of(record);
    management_key_ = ManagementKey{std::move(record), fingerprint};
  }
  return &*management_key_;
}

/// Authenticated in this session, with the key that the card still has.
CardResult<bool> Piv::is_administrator() {
  if (!state_.administrator) return false;
  CARDEA_TRY(const auto* key, management_key());
  return key->fingerprint == *state_.administrator;
}

CardResult<std::optional<KeyRecord>> Piv::load_key(std::uint8_t reference) {
  CARDEA_TRY(const auto octets, lift(ports_.store.get(key_id(reference))));
  if (!octets) return std::optional<KeyRecord>{};
  CARDEA_TRY(auto record, lift(decode_key_record(*octets)));
  // A record put into another slot's place is as bad as a damaged one.
  if (record.handle.slot.reference != reference) return refuse(sw::kMemoryFailure);
  return std::optional<KeyRecord>{std::move(record)};
}

/// Where the next key of a slot goes. Versions grow, also over a reset to the factory state.
CardResult<KeySlot> Piv::next_slot(std::uint8_t reference, const std::optional<KeyRecord>& old,
                                   PinPolicy pin_policy) {
  const bool holder_only = pin_policy != PinPolicy::never;
  if (old) return KeySlot{reference, old->handle.slot.version + 1, holder_only};
  CARDEA_TRY(const auto card, lift(load_card_record(ports_.store)));
  return KeySlot{reference, card.key_versions + 1, holder_only};
}

/// Puts a key into its slot. The old one is discarded once it is certain that nothing refers to it; if that
/// fails, an unused object stays behind in the HSM, which harms nobody.
CardResult<void> Piv::replace_key(const KeyRecord& fresh, const std::optional<KeyRecord>& old) {
  const auto reference = fresh.handle.slot.reference;
  const Change change{key_id(reference), encode(fresh)};
  if (auto committed = registration_.commit({&change, 1}); !committed) {
    (void)ports_.keys.discard(fresh.handle);
    return committed;
  }
  if (old) (void)ports_.keys.discard(old->handle);
  return lift(ports_.audit.record(KeyReplaced{reference, fresh.handle.algorithm, fresh.origin}));
}

}  // namespace cardea::card::piv

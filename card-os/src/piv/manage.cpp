#include <algorithm>

#include "engine/error_map.h"
#include "gp/stored_key_sets.h"
#include "piv/card_record.h"
#include "piv/factory.h"
#include "piv/piv.h"

namespace cardea::card::piv {

// What the card manager does with the application: DELETE, INSTALL. STORE DATA is in personalize.cpp.

/// What erases all keys and objects of the application, and no key of the security domain.
CardResult<Piv::Erasure> Piv::erasure() {
  Erasure out;
  CARDEA_TRY(out.card, lift(load_card_record(ports_.store)));
  CARDEA_TRY(const auto references, lift(ports_.store.list(RecordSpace::key)));
  for (const auto reference : references) {
    if (gp::is_domain_key(reference)) continue;
    out.changes.push_back({{RecordSpace::key, reference}, std::nullopt});
    CARDEA_TRY(const auto octets, lift(ports_.store.get({RecordSpace::key, reference})));
    const auto key = decode_key_record(octets.value_or(Bytes{}));
    if (!key) continue;  // damaged, which is no reason to keep it
    out.card.key_versions = std::max(out.card.key_versions, key->handle.slot.version);
    out.discarded.push_back(key->handle);
  }
  CARDEA_TRY(const auto tags, lift(ports_.store.list(RecordSpace::object)));
  for (const auto tag : tags)
    out.changes.push_back({{RecordSpace::object, tag}, std::nullopt});
  return out;
}

CardResult<void> Piv::erase(const Condition& condition, const Change& also) {
  CARDEA_TRY(auto out, erasure());
  out.changes.push_back({kCardRecordId, encode(out.card)});
  out.changes.push_back(also);
  CARDEA_CHECK(lift(ports_.store.commit_if({&condition, 1}, out.changes)));
  for (const auto& handle : out.discarded)
    (void)ports_.keys.discard(handle);
  return lift(ports_.audit.record(CardWiped{}));
}

/// Puts what a delivered card has in the place of what is erased. The key is discarded by whoever does not
/// get to commit it.
CardResult<KeyHandle> Piv::bring_factory_state(Erasure& out) {
  CARDEA_TRY(auto key, lift(import_factory_management_key(ports_.keys, out.card.key_versions + 1)));
  for (auto& record : factory_records(key)) {
    std::erase_if(out.changes, [&](const Change& change) { return change.id == record.id; });
    out.changes.push_back(std::move(record));
  }
  out.changes.push_back({kCardRecordId, encode(out.card)});
  return std::move(key.handle);
}

// PINs first: the application is not there until the records are, so nobody meets factory PINs before. Erased
// is also what a session wrote that was not done when the application was deleted.
CardResult<void> Piv::make(const Condition& condition, const Change& also) {
  CARDEA_CHECK(lift(set_factory_pins(ports_.pins)));
  CARDEA_TRY(auto out, erasure());
  CARDEA_TRY(const auto key, bring_factory_state(out));
  out.changes.push_back(also);
  auto committed = lift(ports_.store.commit_if({&condition, 1}, out.changes));
  if (!committed) {
    (void)ports_.keys.discard(key);
    return committed;
  }
  for (const auto& handle : out.discarded)
    (void)ports_.keys.discard(handle);
  return {};
}

}  // namespace cardea::card::piv

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

/// When they are certain to be nobody's.
void Piv::discard(const Erasure& erased) noexcept {
  for (const auto& handle : erased.discarded)
    (void)ports_.keys.discard(handle);
}

CardResult<void> Piv::erase(const Condition& condition, const Change& also) {
  CARDEA_CHECK(erase_what_is_there(condition, also));
  CARDEA_CHECK(erase_what_came_late({also.id, also.value}));
  return lift(ports_.audit.record(CardWiped{}));
}

CardResult<void> Piv::erase_what_is_there(const Condition& condition, const Change& also) {
  CARDEA_TRY(auto out, erasure());
  out.changes.push_back({kCardRecordId, encode(out.card)});
  out.changes.push_back(also);
  CARDEA_CHECK(lift(ports_.store.commit_if({&condition, 1}, out.changes)));
  discard(out);
  return {};
}

/// What another session committed after it was looked what there is to erase, and before it was erased. From
/// then on nobody commits anything. Under the condition that there is no application: records that are in
/// the way of the next one are erased by whoever makes it.
CardResult<void> Piv::erase_what_came_late(const Condition& condition) {
  CARDEA_TRY(auto out, erasure());
  if (out.changes.empty()) return {};
  out.changes.push_back({kCardRecordId, encode(out.card)});
  const auto committed = ports_.store.commit_if({&condition, 1}, out.changes);
  if (committed) discard(out);
  if (!committed && committed.error().code != Errc::conflict) return lift(committed);
  return {};
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

// The claim comes first, PINs second, records last: whether there are records is what tells an application
// from one whose making was interrupted. Who looks at the PINs' versions, finds the claim to be the own one
// after that, and then the versions as they were, has not been overtaken by anybody who finished: that would
// have needed a later claim than this one, or PINs of another version. So nobody puts factory PINs into an
// application that others have made. And nobody can take the application away from the last one to claim it.
CardResult<gp::Making> Piv::make(const Condition& condition, const Change& claimed, const Change& made) {
  CARDEA_TRY(const auto replaced, lift(present_pins(ports_.pins)));
  const auto claim = ports_.store.commit_if({&condition, 1}, {&claimed, 1});
  if (!claim && claim.error().code == Errc::conflict) return gp::Making::not_claimed;
  CARDEA_CHECK(lift(claim));
  const Condition ours{claimed.id, claimed.value};
  CARDEA_TRY(const auto set, put_factory_pins(ours, replaced));
  if (set != gp::Making::finished) return set;
  return put_factory_records(ours, made);
}

/// Those who claimed earlier may put theirs in between, each of them once.
CardResult<gp::Making> Piv::put_factory_pins(const Condition& claim, ReplacedPins replaced) {
  constexpr unsigned kMostOthers = 16;
  for (unsigned i = 0; i <= kMostOthers; ++i) {
    const auto set = set_factory_pins(ports_.pins, replaced);
    if (set) return gp::Making::finished;
    if (set.error().code != Errc::conflict) return refuse(status_word(set.error()));
    CARDEA_TRY(replaced, lift(present_pins(ports_.pins)));
    CARDEA_TRY(const auto now, lift(ports_.store.get(claim.id)));
    if (now != claim.value) return gp::Making::overtaken;
  }
  return refuse(sw::kUnspecified);
}

CardResult<gp::Making> Piv::put_factory_records(const Condition& claim, const Change& made) {
  CARDEA_TRY(auto out, erasure());
  CARDEA_TRY(const auto key, bring_factory_state(out));
  out.changes.push_back(made);
  const auto committed = ports_.store.commit_if({&claim, 1}, out.changes);
  if (!committed) {
    (void)ports_.keys.discard(key);
    if (committed.error().code == Errc::conflict) return gp::Making::overtaken;
    return refuse(status_word(committed.error()));
  }
  discard(out);
  return gp::Making::finished;
}

}  // namespace cardea::card::piv

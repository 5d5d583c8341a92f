#include <algorithm>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "gp/stored_key_sets.h"
#include "piv/card_record.h"
#include "piv/factory.h"
#include "piv/pin_format.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

// What the card manager does with the application: DELETE, INSTALL, STORE DATA.

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

CardResult<void> Piv::store_objects(BytesView octets) {
  constexpr std::uint32_t kTagList = 0x5C;
  const auto items = apdu::read_tlvs(octets);
  if (!items || items->empty()) return refuse(sw::kWrongData);
  std::vector<PutRequest> requests;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const bool pair = items->at(i).tag == kTagList && i + 1 < items->size();
    const std::vector<apdu::Tlv> one(items->begin() + static_cast<std::ptrdiff_t>(i),
                                     items->begin() + static_cast<std::ptrdiff_t>(i + (pair ? 2 : 1)));
    CARDEA_TRY(const auto request, parse_put(one));
    requests.push_back(request);
    if (pair) ++i;
  }
  return put(requests);
}

namespace {

/// What is left of a group that was filled up to whole blocks: nothing, or 80 00 ..
bool is_padding(BytesView rest) {
  return rest.empty() ||
         (rest[0] == 0x80 && std::ranges::all_of(rest.subspan(1), [](auto b) { return b == 0; }));
}

/// High octets of the groups of this application.
enum GroupKind : std::uint8_t { kPins = 0x00, kKeys = 0x01, kObjects = 0x02 };

}  // namespace

// Groups, by their number: 0080 and 0081 PIN and PUK, 01rr the key rr as `algorithm 30 L {elements}`, 0200
// data objects. PINs and keys may be followed by padding.
CardResult<void> Piv::store_group(std::uint16_t group, BytesView value, bool confidential) {
  management_key_.reset();
  const auto kind = static_cast<std::uint8_t>(group >> 8U);
  const auto reference = static_cast<std::uint8_t>(group);
  if (kind == kObjects && reference == 0) return store_objects(value);
  if (kind != kPins && kind != kKeys) return refuse(sw::kReferencedDataNotFound);
  if (!confidential) return refuse(sw::kSecurityNotSatisfied);
  if (kind == kKeys) return store_key_group(reference, value);
  if (reference != kApplicationPin && reference != kPuk) return refuse(sw::kReferencedDataNotFound);
  if (value.size() < kPinSize || !is_padding(value.subspan(kPinSize))) return refuse(sw::kWrongData);
  return set_issued_pin(static_cast<PinRef>(reference), value.first(kPinSize));
}

CardResult<void> Piv::store_key_group(std::uint8_t reference, BytesView value) {
  if (!is_key(reference) && reference != kSecureMessagingKey) return refuse(sw::kReferencedDataNotFound);
  if (value.empty()) return refuse(sw::kWrongData);
  const auto algorithm = algorithm_for(reference, value[0]);
  const auto body = apdu::read_tlv(value.subspan(1));
  if (!algorithm || !may_hold(reference, *algorithm) || !body) return refuse(sw::kWrongData);
  const auto elements = read_elements(body->whole);
  if (!elements || !is_padding(value.subspan(1 + body->whole.size()))) return refuse(sw::kWrongData);
  KeyLoad load{*algorithm, reference};
  std::optional<BytesView> certificate;
  for (const auto& element : *elements) {
    if (reference == kSecureMessagingKey && element.tag == kCertificateElement) {
      certificate = element.value;
    } else {
      CARDEA_CHECK(load.add(element.tag, element.value));
    }
  }
  // A certificate may come alone, about a key that was generated.
  if (!load.complete() && (!certificate || load.present() != 0)) return refuse(sw::kWrongData);
  if (load.complete()) CARDEA_CHECK(finish_load(load, reference));
  return certificate ? store_messaging_certificate(*certificate) : CardResult<void>{};
}

}  // namespace cardea::card::piv

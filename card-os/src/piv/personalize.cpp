#include <algorithm>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/pin_format.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

// STORE DATA to the application. All is looked at, and keys are in the vault, before the first record
// changes; all records change at once, and PINs after them.

namespace {

/// What is left of a group that was filled up to whole blocks: nothing, or 80 00 ..
bool is_padding(BytesView rest) {
  return rest.empty() ||
         (rest[0] == 0x80 && std::ranges::all_of(rest.subspan(1), [](auto b) { return b == 0; }));
}

/// High octets of the groups of this application.
enum GroupKind : std::uint8_t { kPins = 0x00, kKeys = 0x01, kObjects = 0x02 };

}  // namespace

CardResult<void> Piv::store(std::span<const gp::Part> parts) {
  management_key_.reset();
  Personalization all;
  auto written = prepare(parts, all);
  if (written) written = write_records(all);
  if (!written) {
    for (const auto& key : all.keys)
      (void)ports_.keys.discard(key.fresh.handle);
    return written;
  }
  for (const auto& key : all.keys) {
    if (key.old) (void)ports_.keys.discard(key.old->handle);
    const auto& handle = key.fresh.handle;
    CARDEA_CHECK(
        lift(ports_.audit.record(KeyReplaced{handle.slot.reference, handle.algorithm, key.fresh.origin})));
  }
  CARDEA_CHECK(tell_of(all.objects));
  if (all.pins.empty()) return {};
  if (all.pins.contains(PinRef::application)) state_.verified.reset();
  std::vector<PinUpdate> updates;
  for (const auto& [reference, value] : all.pins)
    updates.push_back({reference, &value, all.factory_pins.contains(reference), std::nullopt, std::nullopt,
                       PinSource::issuer});
  return replace_pins(updates);
}

CardResult<void> Piv::prepare(std::span<const gp::Part> parts, Personalization& all) {
  for (const auto& part : parts)
    CARDEA_CHECK(part.group ? take_group(part, all) : take_objects(part.value, all));
  const auto certificate = std::ranges::find(all.objects, kMessagingCertificate.id, &PutRequest::tag);
  if (certificate == all.objects.end()) return {};
  const auto fresh = std::ranges::find(all.keys, kSecureMessagingKey, &NewKey::reference);
  if (fresh != all.keys.end()) return check_messaging_certificate(certificate->content, fresh->fresh);
  CARDEA_TRY(const auto key, load_key(kSecureMessagingKey));
  return check_messaging_certificate(certificate->content, key);
}

CardResult<void> Piv::write_records(const Personalization& all) {
  auto changes = changes_of(all.objects);
  for (const auto& key : all.keys)
    changes.push_back({{RecordSpace::key, key.reference}, encode(key.fresh)});
  return changes.empty() ? CardResult<void>{} : registration_.commit(changes);
}

CardResult<void> Piv::take_objects(BytesView octets, Personalization& all) {
  constexpr std::uint32_t kTagList = 0x5C;
  const auto items = apdu::read_tlvs(octets);
  if (!items || items->empty()) return refuse(sw::kWrongData);
  for (std::size_t i = 0; i < items->size(); ++i) {
    const bool pair = items->at(i).tag == kTagList && i + 1 < items->size();
    const std::vector<apdu::Tlv> one(items->begin() + static_cast<std::ptrdiff_t>(i),
                                     items->begin() + static_cast<std::ptrdiff_t>(i + (pair ? 2 : 1)));
    CARDEA_TRY(const auto request, parse_put(one));
    all.objects.push_back(request);
    if (pair) ++i;
  }
  return {};
}

// Groups, by their number: 0080 and 0081 PIN and PUK, 01rr the key rr as `algorithm 30 L {elements}`, 0200
// data objects. PINs and keys may be followed by padding.
CardResult<void> Piv::take_group(const gp::Part& part, Personalization& all) {
  const auto kind = static_cast<std::uint8_t>(*part.group >> 8U);
  const auto reference = static_cast<std::uint8_t>(*part.group);
  const auto value = part.value;
  if (kind == kObjects && reference == 0) return take_objects(value, all);
  if (kind != kPins && kind != kKeys) return refuse(sw::kReferencedDataNotFound);
  if (!part.confidential) return refuse(sw::kSecurityNotSatisfied);
  if (kind == kKeys) return take_key(reference, value, all);
  if (reference != kApplicationPin && reference != kPuk) return refuse(sw::kReferencedDataNotFound);
  if (value.size() < kPinSize || !is_padding(value.subspan(kPinSize))) return refuse(sw::kWrongData);
  const auto field = value.first(kPinSize);
  const auto pin = static_cast<PinRef>(reference);
  if (!may_issue_pin(pin, field)) return refuse(sw::kWrongData);
  all.pins.insert_or_assign(pin, PinEvidence{PlainPin{SecretBytes{field}, true}});
  all.factory_pins.erase(pin);
  if (equal(field, factory_value(pin))) all.factory_pins.insert(pin);
  return {};
}

CardResult<void> Piv::take_key(std::uint8_t reference, BytesView value, Personalization& all) {
  if (!is_key(reference) && reference != kSecureMessagingKey) return refuse(sw::kReferencedDataNotFound);
  if (value.empty()) return refuse(sw::kWrongData);
  const auto algorithm = algorithm_for(reference, value[0]);
  const auto body = apdu::read_tlv(value.subspan(1));
  if (!algorithm || !may_hold(reference, *algorithm) || !body) return refuse(sw::kWrongData);
  const auto elements = read_elements(body->whole);
  if (!elements || !is_padding(value.subspan(1 + body->whole.size()))) return refuse(sw::kWrongData);
  KeyLoad load{*algorithm, reference};
  bool certificate = false;
  for (const auto& element : *elements) {
    if (reference == kSecureMessagingKey && element.tag == kCertificateElement) {
      // One that is there twice could be looked at in one place and written in another.
      const auto earlier = std::ranges::find(all.objects, kMessagingCertificate.id, &PutRequest::tag);
      if (earlier != all.objects.end() || element.value.empty()) return refuse(sw::kWrongData);
      all.objects.push_back({kMessagingCertificate.id, element.value});
      certificate = true;
    } else {
      CARDEA_CHECK(load.add(element.tag, element.value));
    }
  }
  // A certificate may come alone, about a key that was generated.
  if (!load.complete()) {
    return certificate && load.present() == 0 ? CardResult<void>{} : refuse(sw::kWrongData);
  }
  // One key a slot: a second one would be of the same version.
  if (std::ranges::find(all.keys, reference, &NewKey::reference) != all.keys.end())
    return refuse(sw::kWrongData);
  CARDEA_TRY(auto key, import_load(load, reference));
  all.keys.push_back(std::move(key));
  return {};
}

}  // namespace cardea::card::piv

#include "piv/factory.h"

#include "cardea/card/card.h"
#include "cardea/hex.h"
#include "gp/factory.h"
#include "piv/card_record.h"
#include "piv/objects.h"
#include "piv/pin_format.h"
#include "piv/references.h"

namespace cardea::card {

namespace piv {

namespace {
constexpr auto kFactoryManagementKey = "0102030405060708 0102030405060708 0102030405060708"_hex;
constexpr unsigned kFactoryTries = 3;
}  // namespace

Result<KeyRecord> import_factory_management_key(KeyVault& keys, std::uint64_t version) {
  const SecretBytes key{kFactoryManagementKey};
  CARDEA_TRY(auto handle, keys.import_symmetric({kManagementKey, version}, Algorithm::tdes, key));
  return KeyRecord{std::move(handle), KeyOrigin::imported, PinPolicy::never, TouchPolicy::never, true};
}

bool is_factory_management_key(Algorithm algorithm, BytesView key) {
  constexpr BytesView kKnown{kFactoryManagementKey};
  constexpr unsigned kWithoutParity = 0xFE;  // the lowest bit of each octet
  if (algorithm != Algorithm::tdes && algorithm != Algorithm::aes192) return false;
  if (key.size() != kKnown.size()) return false;
  const unsigned counts = algorithm == Algorithm::tdes ? kWithoutParity : 0xFFU;
  unsigned difference = 0;
  for (std::size_t i = 0; i < key.size(); ++i)
    difference |= static_cast<unsigned>(key[i] ^ kKnown[i]) & counts;
  return difference == 0;
}

std::vector<Change> factory_records(const KeyRecord& management_key) {
  std::vector<Change> out;
  out.push_back({{RecordSpace::key, kManagementKey}, encode(management_key)});
  out.push_back({{RecordSpace::object, kDiscovery}, to_bytes(discovery_object())});
  return out;
}

Result<std::uint64_t> pin_version(PinVault& pins, PinRef reference) {
  const auto status = pins.status(reference);
  if (!status && status.error().code == Errc::not_found) return std::uint64_t{0};
  if (!status) return tl::unexpected{status.error()};
  return status->version;
}

Result<ReplacedPins> present_pins(PinVault& pins) {
  ReplacedPins present;
  CARDEA_TRY(present.application, pin_version(pins, PinRef::application));
  CARDEA_TRY(present.puk, pin_version(pins, PinRef::puk));
  return present;
}

Result<void> set_factory_pins(PinVault& pins, const ReplacedPins& replaced) {
  const PinEvidence pin{PlainPin{SecretBytes{factory_value(PinRef::application)}}};
  const PinEvidence puk{PlainPin{SecretBytes{factory_value(PinRef::puk)}}};
  const PinUpdate updates[] = {
      {PinRef::application, &pin, true, kFactoryTries, replaced.application, PinSource::factory_reset},
      {PinRef::puk, &puk, true, kFactoryTries, replaced.puk, PinSource::factory_reset},
  };
  return pins.replace(updates);
}

}  // namespace piv

// PINs first, records last: whether there are records is what tells a finished card from one whose making was
// interrupted, and the latter can be made again.
Result<void> make_factory_card(const Profile&, const FactorySettings& settings, Ports ports) {
  for (const auto space : {RecordSpace::card, RecordSpace::object, RecordSpace::key}) {
    CARDEA_TRY(const auto ids, ports.store.list(space));
    if (!ids.empty()) return fail(Errc::conflict, "the card has been made already");
  }
  gp::ImportedKeySet domain;
  if (settings.domain_keys) {
    CARDEA_TRY(domain, gp::factory_key_set(ports.store, ports.keys, *settings.domain_keys));
  }
  auto made = [&]() -> Result<void> {
    CARDEA_CHECK(piv::set_factory_pins(ports.pins));
    CARDEA_TRY(auto key, piv::import_factory_management_key(ports.keys, 1));
    domain.handles.push_back(key.handle);
    auto records = piv::factory_records(key);
    records.push_back({piv::kCardRecordId, encode(piv::CardRecord{settings.serial, 0})});
    for (auto& change : domain.changes)
      records.push_back(std::move(change));
    return ports.store.commit(records);
  }();
  if (!made) {
    for (const auto& handle : domain.handles)
      (void)ports.keys.discard(handle);
  }
  return made;
}

}  // namespace cardea::card

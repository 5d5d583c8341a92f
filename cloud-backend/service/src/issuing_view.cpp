#include <algorithm>
#include <array>

#include "cardea/card/factory_key.h"
#include "cardea/card/profile.h"
#include "cardea/card/stored_key.h"
#include "cardea/service/issuing.h"

namespace cardea::service {
namespace {

struct Slot {
  const char* name;
  std::uint32_t key;     // SP 800-73-4 Part 1, table 4b
  std::uint32_t object;  // table 3
  bool names_holder;     // 9E is the card's, whoever holds it
};

constexpr std::array kSlots{
    Slot{"9A", 0x9A, 0x5FC105, true},
    Slot{"9C", 0x9C, 0x5FC10A, true},
    Slot{"9D", 0x9D, 0x5FC10B, true},
    Slot{"9E", 0x9E, 0x5FC101, false},
};

/// A certificate that is there must be of the key in its slot, whether it is asked for or not.
Result<std::optional<SlotCertificate>> certificate_of(card::Store& store, const Slot& slot,
                                                      const std::vector<std::string>& uid_attributes,
                                                      std::vector<std::string>& missing) {
  CARDEA_TRY(const auto object, store.get({card::RecordSpace::object, slot.object}));
  if (!object) return std::optional<SlotCertificate>{};
  const auto wrong = [&](const std::string& why) {
    missing.push_back(std::string{"a good certificate in "} + slot.name + ": " + why);
    return std::optional<SlotCertificate>{};
  };
  const auto der = certificate_in(*object);
  if (!der) return wrong(der.error().what);
  CARDEA_TRY(const auto record, store.get({card::RecordSpace::key, slot.key}));
  if (!record) return wrong("there is no key in the slot");
  CARDEA_TRY(const auto key, card::stored_key(*record));
  if (!certifies(*der, key.public_key)) return wrong("it is not of the key in the slot");
  auto facts = read_certificate(*der, uid_attributes);
  if (!facts) return wrong(facts.error().what);
  return std::optional{SlotCertificate{slot.name, *std::move(facts)}};
}

bool have(const std::vector<SlotCertificate>& certificates, std::string_view slot) {
  return std::ranges::any_of(certificates, [slot](const auto& one) { return one.slot == slot; });
}

}  // namespace

bool Issuing::factory_pins(const std::string& organisation) const {
  const auto& some = options_.factory_pin_organisations;
  return options_.factory_pins || std::ranges::find(some, organisation) != some.end();
}

bool Issuing::factory_management_key(const std::string& organisation) const {
  const auto& some = options_.factory_management_key_organisations;
  return options_.factory_management_key || std::ranges::find(some, organisation) != some.end();
}

Result<IssuingView> Issuing::view_of(const store::CardRow& row) {
  IssuingView view;
  CARDEA_TRY(view.card, cards_.show(row.id));
  view.in_use = sessions_.count_of_card(row.id) > 0;
  if (row.issuance == store::Issuance::none) return view;
  CARDEA_CHECK(add_certificates(row, view));
  CARDEA_CHECK(add_pins(row, view));
  CARDEA_CHECK(add_management_key(row, view));
  if (row.issuance == store::Issuance::issued)
    view.missing.clear();  // what came later is its holder's affair
  return view;
}

Result<void> Issuing::add_certificates(const store::CardRow& row, IssuingView& view) {
  const auto store = world_.database.card_store(row.id);
  std::vector<SlotCertificate> naming;
  for (const auto& slot : kSlots) {
    CARDEA_TRY(auto one, certificate_of(*store, slot, options_.uid_attributes, view.missing));
    if (!one) continue;
    if (slot.names_holder) naming.push_back(*one);
    view.certificates.push_back(*std::move(one));
  }
  for (const auto& slot : options_.required_slots) {
    if (!have(view.certificates, slot)) view.missing.push_back("a certificate in " + slot);
  }
  if (naming.empty()) {
    view.missing.emplace_back("a certificate in 9A, 9C or 9D that names the holder");
    return {};
  }
  auto holder = holder_named_by(naming);
  if (holder) {
    view.holder = *std::move(holder);
  } else {
    view.missing.push_back("one holder: " + holder.error().what);
  }
  return {};
}

Result<void> Issuing::add_pins(const store::CardRow& row, IssuingView& view) {
  if (factory_pins(row.organisation)) return {};
  const auto records = world_.database.pin_records(row.id);
  for (const auto& [ref, name] :
       {std::pair{card::PinRef::application, "PIN"}, std::pair{card::PinRef::puk, "PUK"}}) {
    CARDEA_TRY(const auto status, records->status(ref));
    if (status.factory_value)
      view.missing.push_back(std::string{"a "} + name + " of its own: it is the factory's");
  }
  return {};
}

/// Whoever may open the card could change its keys and certificates with the one that everybody knows.
Result<void> Issuing::add_management_key(const store::CardRow& row, IssuingView& view) {
  if (factory_management_key(row.organisation)) return {};
  const auto store = world_.database.card_store(row.id);
  CARDEA_TRY(const auto factory, card::factory_management_key(*store));
  if (!factory) return {};
  std::string text = "a management key of its own: it is the factory's";
  const auto* const profile = card::find_profile(row.profile);
  if (profile != nullptr && !profile->yubico) {
    text += ", and this card takes another one through a secure channel only";
    const auto& keys = view.card.key_versions;
    if (!keys || keys->empty()) text += ", but was made without card keys";
  }
  view.missing.push_back(std::move(text));
  return {};
}

}  // namespace cardea::service

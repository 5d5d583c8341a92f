#include <algorithm>
#include <array>
#include <iterator>

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

Result<IssuingView> Issuing::view_of(const store::CardRow& row) {
  IssuingView view;
  CARDEA_TRY(view.card, cards_.show(row.id));
  view.in_use = sessions_.count_of_card(row.id) > 0;
  if (row.issuance == store::Issuance::none) return view;
  CARDEA_CHECK(add_certificates(row, view));
  CARDEA_TRY(auto known, known_values(world_, row));
  std::ranges::move(known, std::back_inserter(view.missing));
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

}  // namespace cardea::service

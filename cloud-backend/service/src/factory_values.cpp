#include "cardea/service/factory_values.h"

#include <algorithm>
#include <utility>

#include "cardea/card/factory_key.h"
#include "cardea/card/gp/domain_keys.h"
#include "cardea/card/profile.h"
#include "cardea/service/world.h"

namespace cardea::service {
namespace {

constexpr std::string_view kPutBack =
    "the card was put back to factory values after it was issued; missing: ";

bool among(const std::vector<std::string>& organisations, std::string_view organisation) {
  return std::ranges::find(organisations, organisation) != organisations.end();
}

Result<void> add_pins(const World& world, const store::CardRow& card, std::vector<std::string>& phrases) {
  const auto records = world.database.pin_records(card.id);
  for (const auto& [ref, name] :
       {std::pair{card::PinRef::application, "PIN"}, std::pair{card::PinRef::puk, "PUK"}}) {
    CARDEA_TRY(const auto status, records->status(ref));
    if (status.factory_value)
      phrases.push_back(std::string{"a "} + name + " of its own: it is the factory's");
  }
  return {};
}

/// Whoever may open the card could change its keys and certificates with the one that everybody knows.
Result<void> add_management_key(const World& world, const store::CardRow& card,
                                std::vector<std::string>& phrases) {
  const auto store = world.database.card_store(card.id);
  CARDEA_TRY(const auto factory, card::factory_management_key(*store));
  if (!factory) return {};
  std::string text = "a management key of its own: it is the factory's";
  const auto* const profile = card::find_profile(card.profile);
  if (profile != nullptr && !profile->yubico) {
    text += ", and this card takes another one through a secure channel only";
    CARDEA_TRY(const auto keys, card::gp::key_versions(*store));
    if (keys.empty()) text += ", but was made without card keys";
  }
  phrases.push_back(std::move(text));
  return {};
}

}  // namespace

bool FactoryValues::may_have_pins(std::string_view organisation) const {
  return pins || among(pin_organisations, organisation);
}

bool FactoryValues::may_have_management_key(std::string_view organisation) const {
  return management_key || among(management_key_organisations, organisation);
}

Result<std::vector<std::string>> known_values(const World& world, const store::CardRow& card) {
  static const FactoryValues kNowhere;
  const auto& allowed = world.factory_values != nullptr ? *world.factory_values : kNowhere;
  std::vector<std::string> phrases;
  if (!allowed.may_have_pins(card.organisation)) CARDEA_CHECK(add_pins(world, card, phrases));
  if (!allowed.may_have_management_key(card.organisation))
    CARDEA_CHECK(add_management_key(world, card, phrases));
  return phrases;
}

Result<void> check_still_own(const World& world, const store::CardRow& card) {
  if (card.issuance != store::Issuance::issued) return {};
  CARDEA_TRY(const auto phrases, known_values(world, card));
  if (phrases.empty()) return {};
  std::string sentence{kPutBack};
  for (const auto& phrase : phrases)
    sentence += (&phrase == &phrases.front() ? "" : "; ") + phrase;
  return fail(Errc::conflict, std::move(sentence));
}

bool put_back(const Error& error) {
  return error.code == Errc::conflict && error.what.starts_with(kPutBack);
}

}  // namespace cardea::service

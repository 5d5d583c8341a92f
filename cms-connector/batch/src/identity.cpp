#include "identity.h"

#include <algorithm>

#include "cardea/cms/piv/objects.h"

namespace cardea::cms::batch {

namespace {

template <class Predicate>
std::optional<std::size_t> find(const Record& record, Predicate wanted) {
  const auto at = std::find_if(record.entries.begin(), record.entries.end(), wanted);
  if (at == record.entries.end()) return std::nullopt;
  return static_cast<std::size_t>(at - record.entries.begin());
}

std::string named(const Entry& entry) {
  return display_name(entry.person) + " (line " + std::to_string(entry.person.line) + ")";
}

/// A card that has a GUID already.
Choice choose_issued(const Record& record, const Identity& card) {
  const auto owner = find(record, [&](const Entry& entry) { return entry.guid == card.guid; });
  if (owner) {
    const Entry& entry = record.entries[*owner];
    if (entry.stage == Stage::done) return Refusal{"the card was issued to " + named(entry), true};
    if (entry.stage == Stage::issuing) return Assignment{*owner};
    return Refusal{"issuing the card to " + named(entry) + " failed; --retry-failed tries again"};
  }
  const auto former = find(record, [&](const Entry& entry) {
    return std::find(entry.given_up.begin(), entry.given_up.end(), card.guid) != entry.given_up.end();
  });
  if (former)
    return Refusal{"the card was given up half issued for " + named(record.entries[*former]) +
                   "; recycle it first"};
  return Refusal{"the card is issued already (" + card.guid + "), and not by this batch"};
}

}  // namespace

Result<Identity> identify(piv::Card& card, const perso::Plan& plan) {
  Identity out;
  CARDEA_TRY(const auto facts, card.open());
  out.serial = facts.serial;
  CARDEA_TRY(const auto chuid, card.read_object(piv::tag::kChuid));
  if (chuid) {
    const auto guid = piv::chuid_guid(*chuid);
    out.guid = guid ? perso::guid_text(*guid) : "unreadable CHUID";
    return out;
  }
  for (const auto& slot : plan.slots) {
    CARDEA_TRY(const auto certificate, card.read_object(slot.slot.certificate_tag));
    out.certificates = out.certificates || certificate.has_value();
  }
  return out;
}

Choice choose(const Record& record, const Identity& card, bool give_up_interrupted,
              const std::function<Begun(const Entry&)>& begun) {
  if (!card.guid.empty()) return choose_issued(record, card);

  const auto same_card = [&](const Entry& entry) { return card.serial && entry.serial == card.serial; };
  const auto issuing = [](const Entry& entry) { return entry.stage == Stage::issuing; };
  const auto former =
      find(record, [&](const Entry& entry) { return same_card(entry) && entry.stage == Stage::done; });
  if (former) {
    return Refusal{"the card with serial number " + std::to_string(*card.serial) + " was issued to " +
                   named(record.entries[*former]) + " and is blank now"};
  }
  // A card without a CHUID may have been begun all the same: the serial number tells.
  if (const auto mine = find(record, [&](const Entry& entry) { return issuing(entry) && same_card(entry); }))
    return Assignment{*mine};
  if (card.certificates)
    return Refusal{"the card holds certificates, but not by this batch; recycle it first"};
  const auto untouched =
      find(record, [&](const Entry& entry) { return issuing(entry) && begun(entry) == Begun::nothing; });
  if (untouched) return Assignment{*untouched};
  if (const auto half = find(record, issuing)) {
    // Without serial numbers nobody can say whether this blank card is the one whose CHUID was about to be
    // written. With a new GUID it does not matter.
    const bool nameless = !card.serial && begun(record.entries[*half]) == Begun::without_chuid;
    if (give_up_interrupted || nameless) return Assignment{*half, true};
    const Entry& entry = record.entries[*half];
    return Refusal{"the card of " + named(entry) + " was begun (" + entry.guid +
                   ") and comes first; put it in, or give it up with --give-up-interrupted"};
  }
  const auto next = find(record, [](const Entry& entry) { return entry.stage == Stage::pending; });
  if (next) return Assignment{*next};
  return Refusal{"everybody else has a card"};
}

}  // namespace cardea::cms::batch

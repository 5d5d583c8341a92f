#include "cardea/service/issuing.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "card_note.h"
#include "cardea/card/profile.h"

namespace cardea::service {
namespace {

/// Whoever has got a blank card has as long as this to open it, before another request may get it.
constexpr std::chrono::minutes kClaim{1};
constexpr std::size_t kMaxRequest = 64;
constexpr std::size_t kMaxLabel = 200;

Result<void> check_registrar(const Caller& caller) {
  if (caller.role == store::DeviceRole::registrar) return {};
  return fail(Errc::denied, "only a registrar's workstation issues cards");
}

bool printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool unfinished_state(store::Issuance issuance) {
  return issuance == store::Issuance::blank || issuance == store::Issuance::issuing;
}

}  // namespace

Result<void> Issuing::check_wanted(const Caller& caller, const NewBlank& wanted) const {
  CARDEA_CHECK(check_registrar(caller));
  if (wanted.request.empty() || wanted.request.size() > kMaxRequest || !printable(wanted.request)) {
    return fail(Errc::invalid, "a request has 1 to 64 octets and no control characters");
  }
  if (wanted.label.size() > kMaxLabel || !printable(wanted.label))
    return fail(Errc::invalid, "a label has at most 200 octets and no control characters");
  return {};
}

Result<store::CardRow> Issuing::blank(const Caller& caller, const NewBlank& wanted) {
  CARDEA_CHECK(check_wanted(caller, wanted));
  const std::lock_guard lock{handing_out_};
  auto known = world_.database.card_asked_for(caller.organisation, caller.device, wanted.request);
  if (known) {
    if (known->profile == wanted.profile) return known;
    return fail(Errc::conflict, "the request " + wanted.request + " was for a card of the profile " +
                                    known->profile + ": make another request");
  }
  if (known.error().code != Errc::not_found) return tl::unexpected{std::move(known).error()};

  CARDEA_TRY(const auto blanks, world_.database.cards_in(caller.organisation, store::Issuance::blank));
  CARDEA_TRY(auto reused, reuse(caller, wanted, blanks));
  if (reused) return *std::move(reused);
  if (blanks.size() >= options_.blank_cards) {
    return fail(Errc::exhausted,
                "the organisation has " + std::to_string(blanks.size()) +
                    " blank cards, which is as many as it may: write to them or delete some");
  }
  NewCard card{caller.organisation, std::nullopt, wanted.profile, wanted.label};
  card.asked = store::BlankRequest{caller.device, wanted.request, world_.clock.now()};
  return cards_.issue(card, "device:" + caller.device);
}

/// Nobody has it in hand, and no try of a PIN was spent on it.
bool Issuing::as_new(const store::CardRow& row) const {
  if (row.state != store::CardState::active || sessions_.count_of_card(row.id) > 0) return false;
  if (row.asked && world_.clock.now() - row.asked->at < kClaim) return false;
  const auto records = world_.database.pin_records(row.id);
  return std::ranges::all_of(std::array{card::PinRef::application, card::PinRef::puk}, [&](card::PinRef ref) {
    const auto status = records->status(ref);
    return status && status->tries_left == status->tries_max;
  });
}

Result<std::optional<store::CardRow>> Issuing::reuse(const Caller& caller, const NewBlank& wanted,
                                                     const std::vector<store::CardRow>& blanks) {
  for (const auto& row : blanks) {
    if (row.profile != wanted.profile || !as_new(row)) continue;
    const store::BlankRequest now{caller.device, wanted.request, world_.clock.now()};
    const auto label = wanted.label.empty() ? "Cardea " + std::to_string(row.serial) : wanted.label;
    const auto done = world_.database.hand_out(row.id, row.asked, now, label);
    if (!done && done.error().code == Errc::conflict) continue;
    if (!done) return tl::unexpected{done.error()};
    // Whoever opened it between the look and the change has lost it.
    sessions_.end_all_of_card(row.id, SessionEnd::card_assigned);
    CARDEA_CHECK(note_card(world_, row, "device:" + caller.device, "card.reuse", true, "{}"));
    CARDEA_TRY(auto changed, world_.database.card(row.id));
    return std::optional{std::move(changed)};
  }
  return std::optional<store::CardRow>{};
}

Result<IssuingView> Issuing::look(const Caller& caller, const std::string& card) {
  CARDEA_CHECK(check_registrar(caller));
  CARDEA_TRY(const auto row, cards_.visible(caller, card));
  return view_of(row);
}

Result<IssuingView> Issuing::look(const std::string& card) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  return view_of(row);
}

Result<IssuingView> Issuing::finish(const Caller& caller, const std::string& card) {
  CARDEA_CHECK(check_registrar(caller));
  CARDEA_TRY(const auto row, cards_.visible(caller, card));
  return finish(row, "device:" + caller.device);
}

Result<IssuingView> Issuing::finish(const std::string& card, const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  return finish(row, actor);
}

Result<IssuingView> Issuing::finish(const store::CardRow& row, const std::string& actor) {
  if (row.issuance == store::Issuance::none)
    return fail(Errc::conflict, "the card is not one that is being issued");
  if (row.state == store::CardState::blocked) return fail(Errc::denied, "the card is blocked");
  CARDEA_CHECK(world_.database.changes().check_card(row.id, ""));
  CARDEA_TRY(auto view, view_of(row));
  if (row.issuance == store::Issuance::issued || !view.missing.empty()) return view;
  if (const auto done = settle(row, *view.holder, actor); !done) {
    // Perhaps somebody else was quicker with the same.
    CARDEA_TRY(const auto now, world_.database.card(row.id));
    if (now.issuance == store::Issuance::issued) return view_of(now);
    CARDEA_CHECK(note_card(world_, row, actor, "card.issued", false,
                           nlohmann::json{{"reason", done.error().what}}.dump(
                               -1, ' ', false, nlohmann::json::error_handler_t::replace)));
    return tl::unexpected{done.error()};
  }
  CARDEA_TRY(const auto now, world_.database.card(row.id));
  return view_of(now);
}

Result<void> Issuing::settle(const store::CardRow& row, const HolderNames& names, const std::string& actor) {
  constexpr int kAttempts = 2;  // another card of the same person may be finished at this moment
  Result<void> done;
  for (int i = 0; i < kAttempts; ++i) {
    CARDEA_TRY(const auto match, this->match(row, names));
    done = world_.database.finish_issuing(row.id, match.person, match.is_new, names.identifiers);
    if (!done && done.error().code == Errc::conflict) continue;
    CARDEA_CHECK(std::move(done));
    if (match.is_new) {
      CARDEA_CHECK(note_card(world_, row, actor, "person.create", true,
                             nlohmann::json{{"person", match.person.id}}.dump()));
    }
    return note_card(world_, row, actor, "card.issued", true,
                     nlohmann::json{{"holder", match.person.id}, {"new", match.is_new}}.dump());
  }
  return done;
}

Result<Issuing::Match> Issuing::match(const store::CardRow& row, const HolderNames& names) {
  std::optional<store::Person> found;
  if (row.holder) {  // an administrator has said so
    CARDEA_TRY(found, world_.database.person(row.organisation, *row.holder));
  }
  for (const auto& identifier : names.identifiers) {
    CARDEA_TRY(const auto people, world_.database.people_known_as(row.organisation, identifier));
    for (const auto& person : people) {
      if (found && found->id != person.id) {
        return fail(Errc::conflict, "the " + identifier.kind + " " + identifier.value +
                                        " in the certificates is that of " + person.name + " (" + person.id +
                                        "), and the card's holder is " + found->name + " (" + found->id +
                                        ")");
      }
      found = person;
    }
  }
  if (found) return Match{*std::move(found), false};
  return Match{{new_uuid(world_.rng), row.organisation, names.name, names.email, world_.clock.now()}, true};
}

Result<void> Issuing::discard(const Caller& caller, const std::string& card) {
  CARDEA_CHECK(check_registrar(caller));
  CARDEA_TRY(const auto row, cards_.visible(caller, card));
  if (!unfinished_state(row.issuance)) {
    return fail(Errc::denied, "only an administrator deletes a card that is issued");
  }
  return cards_.remove(row.id, "device:" + caller.device);
}

Result<std::vector<IssuingView>> Issuing::unfinished(const Caller& caller) {
  CARDEA_CHECK(check_registrar(caller));
  std::vector<IssuingView> out;
  for (const auto issuance : {store::Issuance::issuing, store::Issuance::blank}) {
    CARDEA_TRY(const auto rows, world_.database.cards_in(caller.organisation, issuance));
    for (const auto& row : rows) {
      IssuingView view;
      view.card.row = row;
      view.in_use = sessions_.count_of_card(row.id) > 0;
      out.push_back(std::move(view));
    }
  }
  return out;
}

std::size_t Issuing::sweep() {
  const auto organisations = world_.database.organisations();
  if (!organisations) return 0;
  std::size_t n = 0;
  for (const auto& organisation : *organisations) {
    const std::lock_guard lock{handing_out_};
    const auto blanks = world_.database.cards_in(organisation.id, store::Issuance::blank);
    for (std::size_t i = 0; blanks && i < blanks->size(); ++i) {
      const auto& row = (*blanks)[i];
      if (!row.asked || world_.clock.now() - row.asked->at < options_.blank_life) continue;
      if (sessions_.count_of_card(row.id) == 0 && cards_.remove(row.id, "server")) ++n;
    }
  }
  return n;
}

}  // namespace cardea::service

#include "cardea/service/cards.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "card_note.h"
#include "cardea/card/card.h"
#include "cardea/card/gp/domain_keys.h"
#include "cardea/service/card_audit.h"
#include "cardea/service/card_keys.h"

namespace cardea::service {
namespace {

// Stored words: never change them.
constexpr std::string_view kIntent = "card.create.intent";
constexpr std::string_view kOutcome = "card.create";

constexpr int kSerialAttempts = 8;
/// How many of a card's latest lines are looked at for its making. Interrupted ones have a handful in all.
constexpr std::size_t kLinesOfABeginning = 100;

/// Eight decimal digits, as they are printed on the devices that the number imitates.
std::uint32_t random_serial(card::Rng& rng) {
  std::array<std::uint8_t, 8> octets{};
  rng.fill(octets);
  return static_cast<std::uint32_t>(10'000'000 + read_be(octets) % 90'000'000);
}

/// A PIN that was never set is no error here: cards in the making have none.
Result<std::optional<card::PinStatus>> counter(store::PinRecords& records, card::PinRef ref) {
  auto status = records.status(ref);
  if (status) return std::optional{*status};
  if (status.error().code == Errc::not_found) return std::optional<card::PinStatus>{};
  return tl::unexpected{std::move(status).error()};
}

}  // namespace

Result<void> Cards::note(const store::CardRow& row, const std::string& actor, std::string_view action,
                         bool success, std::string detail) {
  return note_card(world_, row, actor, action, success, std::move(detail));
}

Result<store::CardRow> Cards::issue(const NewCard& card, const std::string& actor) {
  const auto* profile = card::find_profile(card.profile);
  if (profile == nullptr) {
    std::string names;
    for (const auto& known : card::profiles())
      names += (names.empty() ? "" : ", ") + std::string{known.name};
    return fail(Errc::invalid, "there is no profile '" + card.profile + "'; there are " + names);
  }
  CARDEA_TRY(const auto organisation, world_.database.organisation(card.organisation));
  store::CardRow row;
  row.id = new_uuid(world_.rng);
  row.organisation = organisation.id;
  row.profile = card.profile;
  row.state = store::CardState::blocked;  // nobody opens it before it is whole
  row.created_at = world_.clock.now();
  row.asked = card.asked;
  if (card.asked) row.issuance = store::Issuance::blank;
  if (card.holder) {
    CARDEA_TRY(const auto person, world_.database.person(organisation.id, *card.holder));
    row.holder = person.id;
  }

  // Step 1: say what is about to happen.
  CARDEA_CHECK(note(row, actor, kIntent, true, fmt::format(R"({{"profile":"{}"}})", profile->name)));
  // Step 2: do it.
  auto made = [&]() -> Result<void> {
    CARDEA_CHECK(world_.vault.ensure_tenant(row.organisation));
    CARDEA_TRY(const auto secret, secrets_.make(organisation, row.id));
    Result<void> added;
    for (int attempt = 0; attempt < kSerialAttempts; ++attempt) {
      row.serial = random_serial(world_.rng);
      row.label = card.label.empty() ? "Cardea " + std::to_string(row.serial) : card.label;
      added = world_.database.add(row);
      if (added || added.error().code != Errc::conflict) break;
    }
    CARDEA_CHECK(std::move(added));
    row.public_key = to_bytes(secret.pair.public_key);
    CARDEA_CHECK(world_.database.set_secret(row.id, row.public_key, secret.copies));
    return make(row, actor);
  }();
  if (!made) {
    // Step 3a: take back what there is of it. Where that fails too, the next start finds it.
    if (const auto removed = world_.database.delete_card(row.id);
        removed || removed.error().code == Errc::not_found) {
      (void)note(row, actor, kOutcome, false);
    }
    return tl::unexpected{std::move(made).error()};
  }
  // Step 3b: say what has happened, and only then let it be used.
  CARDEA_CHECK(note(row, actor, kOutcome, true, fmt::format(R"({{"serial":{}}})", row.serial)));
  CARDEA_CHECK(world_.database.set_state(row.id, store::CardState::active));
  row.state = store::CardState::active;
  return row;
}

Result<void> Cards::make(const store::CardRow& row, const std::string& actor) {
  const auto store = world_.database.card_store(row.id);
  // The server shows the factory values itself.
  HeldSecret held{world_, secrets_, row.organisation, row.id};
  CardCopies copies{world_, secrets_, held, row.organisation, row.id};
  Pins pins{world_.database.pin_records(row.id),
            {[&] { return pin_keys_.of(row.organisation); }, world_.clock, world_.rng, &copies},
            row.organisation,
            row.id,
            {}};
  const auto keys = world_.vault.keys_of(row.organisation, row.id);
  CardAudit audit{world_, {row.organisation, row.id, actor}};
  CARDEA_TRY(auto domain_keys, first_keys(world_, row));
  return card::make_factory_card(
      *card::find_profile(row.profile), {row.serial, std::move(domain_keys)},
      {*store, *keys, pins, world_.crypto, world_.cipher, world_.clock, world_.rng, audit});
}

Result<void> Cards::block(const std::string& card, const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  // Announced first: a blocked card whose log ends with its making would look like a half-made one.
  CARDEA_CHECK(note(row, actor, "card.block", true));
  CARDEA_CHECK(world_.database.set_state(row.id, store::CardState::blocked));
  sessions_.end_all_of_card(row.id, SessionEnd::card_blocked);
  return {};
}

Result<void> Cards::unblock(const std::string& card, const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_CHECK(note(row, actor, "card.unblock", true));
  return world_.database.set_state(row.id, store::CardState::active);
}

Result<void> Cards::activate(const std::string& card, const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  if (row.issuance == store::Issuance::blank || row.issuance == store::Issuance::issuing) {
    return fail(Errc::conflict,
                "the card is not issued yet: finish it first, with: cardea card finish " + row.id);
  }
  auto done = check_still_own(world_, row);
  if (done) done = world_.database.end_issuance(row.id);
  if (done) done = world_.database.take_into_use(row.id);
  CARDEA_CHECK(note(row, actor, "card.activate", done.has_value()));
  return done;
}

Result<void> Cards::remove(const std::string& card, const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  // What is irreversible is announced before it is done; blocked before it is deleted, so that no session
  // begins between.
  CARDEA_CHECK(note(row, actor, "card.delete", true, fmt::format(R"({{"serial":{}}})", row.serial)));
  CARDEA_CHECK(world_.database.set_state(row.id, store::CardState::blocked));
  sessions_.end_all_of_card(row.id, SessionEnd::card_deleted);
  CARDEA_CHECK(world_.vault.forget_card(row.organisation, row.id));
  return world_.database.delete_card(row.id);
}

Result<void> Cards::assign(const std::string& card, const std::optional<std::string>& holder,
                           const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  std::optional<std::string> person_id;
  if (holder) {
    CARDEA_TRY(const auto person, world_.database.person(row.organisation, *holder));
    person_id = person.id;
  }
  CARDEA_CHECK(world_.database.assign(row.id, person_id));
  // Whoever holds it open may not be the one who may.
  sessions_.end_all_of_card(row.id, SessionEnd::card_assigned);
  return note(row, actor, "card.assign", true, fmt::format(R"({{"holder":"{}"}})", person_id.value_or("")));
}

Result<std::vector<CardView>> Cards::with_names(std::vector<store::CardRow> rows,
                                                const std::string& organisation) {
  CARDEA_TRY(const auto people, world_.database.people(organisation));
  std::map<std::string_view, std::string_view> names;
  for (const auto& person : people)
    names[person.id] = person.name;
  std::vector<CardView> out;
  out.reserve(rows.size());
  for (auto& row : rows) {
    const std::string name{row.holder ? names[*row.holder] : std::string_view{}};
    out.push_back({std::move(row), name});
  }
  return out;
}

std::vector<std::string> PinsView::must_change() const {
  std::vector<std::string> out;
  if (pin && pin->must_change) out.emplace_back("pin");
  if (puk && puk->must_change) out.emplace_back("puk");
  return out;
}

Result<PinsView> Cards::pins_of(const store::CardRow& row) {
  const auto records = world_.database.pin_records(row.id);
  PinsView pins;
  CARDEA_TRY(pins.pin, counter(*records, card::PinRef::application));
  CARDEA_TRY(pins.puk, counter(*records, card::PinRef::puk));
  if (sessions_.awaits_changes(row.organisation)) return pins;
  for (auto* const one : {&pins.pin, &pins.puk})
    if (*one) (*one)->must_change = false;
  return pins;
}

Result<CardView> Cards::show(const std::string& card) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_TRY(auto views, with_names({row}, row.organisation));
  CARDEA_TRY(views.front().pins, pins_of(row));
  views.front().must_change = views.front().pins->must_change();
  CARDEA_TRY(views.front().passcode, secrets_.view(row));
  auto versions = card::gp::key_versions(*world_.database.card_store(row.id));
  // Records that somebody else changed say nothing; that the card is frozen is shown all the same.
  if (!versions && versions.error().code != Errc::corrupt) return tl::unexpected{versions.error()};
  if (versions) views.front().key_versions = *std::move(versions);
  return std::move(views.front());
}

Result<std::vector<CardView>> Cards::list(const std::string& organisation) {
  CARDEA_TRY(const auto row, world_.database.organisation(organisation));
  CARDEA_TRY(auto rows, world_.database.cards(row.id));
  return with_names(std::move(rows), row.id);
}

Result<store::CardRow> Cards::visible(const Caller& caller, const std::string& card) {
  return world_.devices.card(caller, card);
}

Result<std::vector<CardView>> Cards::visible_to(const Caller& caller) {
  CARDEA_TRY(auto rows, world_.devices.cards(caller));
  CARDEA_TRY(auto views, with_names(std::move(rows), caller.organisation));
  if (!sessions_.awaits_changes(caller.organisation)) return views;
  for (auto& view : views) {
    CARDEA_TRY(const auto pins, pins_of(view.row));
    view.must_change = pins.must_change();
  }
  return views;
}

Result<std::size_t> Cards::finish_interrupted() {
  std::size_t n = 0;
  CARDEA_TRY(const auto organisations, world_.database.organisations());
  for (const auto& organisation : organisations) {
    CARDEA_TRY(const auto rows, world_.database.cards(organisation.id));
    for (const auto& row : rows) {
      if (row.state != store::CardState::blocked) continue;
      store::AuditQuery query;
      query.card = row.id;
      query.limit = kLinesOfABeginning;
      query.newest_first = true;
      CARDEA_TRY(const auto lines, world_.database.audit(query));
      const auto said = [&lines](std::string_view action) {
        return std::any_of(lines.begin(), lines.end(),
                           [action](const auto& line) { return line.action == action; });
      };
      const bool interrupted = said(kIntent) && !said("card.block") && !said("card.delete");
      if (!interrupted) continue;
      // The outcome is written before the card is activated: with it there, the card is whole.
      if (said(kOutcome)) {
        CARDEA_CHECK(world_.database.set_state(row.id, store::CardState::active));
      } else {
        CARDEA_CHECK(note(row, "server", kOutcome, false, R"({"reason":"interrupted"})"));
        CARDEA_CHECK(world_.database.delete_card(row.id));
      }
      ++n;
    }
  }
  return n;
}

}  // namespace cardea::service

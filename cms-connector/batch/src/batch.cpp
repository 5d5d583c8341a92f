#include "cardea/cms/batch/batch.h"

#include <algorithm>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/seal.h"
#include "identity.h"

namespace cardea::cms::batch {

namespace {

using perso::Exit;
using perso::Failure;
using perso::Outcome;

constexpr unsigned kMostLosses = 10;  // of one card, one after another, without any step in between

tl::unexpected<Failure> stop(Exit exit, std::string what) {
  return tl::unexpected{Failure{exit, std::move(what)}};
}

/// Remembers that the disk, not the card, was what failed.
class WatchedStates final : public perso::StateStore {
 public:
  explicit WatchedStates(const std::filesystem::path& file) : file_{file} {}
  Result<void> save(const perso::State& state) override {
    auto saved = file_.save(state);
    broken_ = broken_ || !saved;
    return saved;
  }
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  perso::StateFile file_;
  bool broken_ = false;
};

class Batch {
 public:
  Batch(Record& record, const Terms& terms, Tools& tools) : record_{record}, terms_{terms}, tools_{tools} {}

  Outcome<Tally> all() {
    CARDEA_CHECK(tidy_up());
    if (terms_.retry_failed) take_failed_up_again();
    while (anything_left()) {
      if (tools_.interrupted && tools_.interrupted())
        return stop(Exit::interrupted, "interrupted by request");
      auto seat = tools_.cards.next(wanted_);
      if (!seat) {
        if (tools_.interrupted && tools_.interrupted())
          return stop(Exit::interrupted, "interrupted by request");
        return stop(Exit::no_card, seat.error().what);
      }
      CARDEA_CHECK(use(**seat));
    }
    return count(record_);
  }

 private:
  [[nodiscard]] bool anything_left() const {
    return std::any_of(record_.entries.begin(), record_.entries.end(), [&](const Entry& entry) {
      return entry.stage == Stage::pending || entry.stage == Stage::issuing;
    });
  }

  void take_failed_up_again() {
    for (auto& entry : record_.entries) {
      if (entry.stage == Stage::failed) entry.stage = entry.guid.empty() ? Stage::pending : Stage::issuing;
    }
  }

  /// What a killed run may have left: readable secrets of a card that is done or given up, and sealed.
  Outcome<void> tidy_up() {
    for (const auto& entry : record_.entries) {
      CARDEA_CHECK(tidy_up_given_up(entry));
      if (entry.stage == Stage::done) CARDEA_CHECK(tidy_up_after(entry));
    }
    return {};
  }

  /// A card that was given up may turn up again: its secrets stay, but for those alone they are sealed for.
  Outcome<void> tidy_up_given_up(const Entry& entry) {
    if (record_.seal_to.empty()) return {};
    for (const auto& guid : entry.given_up) {
      const auto file = tools_.folder.secrets(guid);
      if (!std::filesystem::exists(file)) continue;
      const auto sealed = std::filesystem::exists(tools_.folder.sealed(guid)) ? Result<void>{} : seal(guid);
      if (!sealed)
        return stop(sealed.error().code == Errc::unavailable ? Exit::interrupted : Exit::usage,
                    "the secrets of the card " + guid +
                        ", which was given up, cannot be sealed and stay in " + file.string() + ": " +
                        sealed.error().what);
      if (const auto gone = shred(file); !gone) return stop(Exit::interrupted, gone.error().what);
    }
    return {};
  }

  [[nodiscard]] Result<void> seal(const std::string& guid) const {
    CARDEA_TRY(const auto recipients, ca::Recipients::from_pem(record_.seal_to));
    CARDEA_TRY(const auto plain, perso::read_secret_file(tools_.folder.secrets(guid)));
    CARDEA_TRY(const auto sealed, recipients.seal(plain));
    return ca::replace_file(tools_.folder.sealed(guid), sealed, 0600);
  }

  Outcome<void> use(Seat& seat) {
    const auto identity = identify(seat.card(), terms_.plan);
    if (!identity) {
      if (identity.error().code == Errc::unavailable) return lost(nullptr, identity.error().what);
      return refuse({identity.error().what});
    }
    const auto choice = choose(record_, *identity, terms_.give_up_interrupted,
                               [&](const Entry& entry) { return begun(entry); });
    if (const auto* refusal = std::get_if<Refusal>(&choice)) return refuse(*refusal);
    return issue(std::get<Assignment>(choice), *identity, seat);
  }

  Outcome<void> refuse(const Refusal& refusal) {
    if (!refusal.was_ours) tools_.listener.remark(refusal.why);
    wanted_ = {refusal.was_ours ? Why::issued : Why::refused, ""};
    return {};
  }

  /// The card went away: the same one has to come back.
  Outcome<void> lost(Entry* entry, const std::string& why) {
    if (++losses_ > kMostLosses)
      return stop(Exit::interrupted, "the card was lost " + std::to_string(losses_) + " times: " + why);
    tools_.listener.remark(why);
    wanted_ = {Why::lost, entry == nullptr ? wanted_.guid : entry->guid};
    return {};
  }

  [[nodiscard]] Begun begun(const Entry& entry) const {
    const auto state = perso::StateFile{tools_.folder.state(entry.guid)}.load();
    // An unreadable state is one that cannot be passed over.
    if (!state) return state.error().code == Errc::not_found ? Begun::nothing : Begun::with_chuid;
    if (!perso::has_begun(*state)) return Begun::nothing;
    return state->done.contains("chuid") ? Begun::with_chuid : Begun::without_chuid;
  }

  Outcome<void> save() {
    if (const auto saved = tools_.record.save(record_); !saved)
      return stop(Exit::interrupted, saved.error().what);
    return {};
  }

  /// The state of the person's issuance: the one on disk, or a new one, written into the record before
  /// anything else exists of it.
  Outcome<perso::State> state_for(Entry& entry, bool afresh) {
    if (!entry.guid.empty() && afresh) entry.given_up.push_back(entry.guid);
    if (!entry.guid.empty() && !afresh) {
      auto state = perso::StateFile{tools_.folder.state(entry.guid)}.load();
      if (state) return *std::move(state);
      if (state.error().code != Errc::not_found) return stop(Exit::interrupted, state.error().what);
      // Nothing was done with them: they were made up for a card that was never begun.
      if (const auto gone = shred(tools_.folder.secrets(entry.guid)); !gone)
        return stop(Exit::interrupted, gone.error().what);
    }
    const bool change = !record_.keep_secrets;
    auto state = perso::new_state(terms_.plan, entry.person.holder,
                                  {terms_.plan.pin.change && change, terms_.plan.change_puk && change,
                                   terms_.plan.management_key.has_value() && change},
                                  terms_.now);
    if (!state) return stop(Exit::usage, state.error().what);
    entry.guid = perso::guid_text(state->guid);
    return *std::move(state);
  }

  /// The card's new secrets: made once, and the same again when it is resumed. Whoever they are sealed for
  /// has them before the card does.
  Result<perso::NewCredentials> secrets_for(const Entry& entry) {
    if (record_.keep_secrets) return perso::NewCredentials{};
    const auto file = tools_.folder.secrets(entry.guid);
    if (!std::filesystem::exists(file)) {
      if (begun(entry) != Begun::nothing)
        return fail(Errc::not_found, file.string() + " is gone: the card cannot be finished without it");
      CARDEA_CHECK(perso::generate_secrets_file(file, terms_.plan));
    }
    if (!record_.seal_to.empty()) CARDEA_CHECK(seal(entry.guid));
    return perso::read_secrets_file(file, terms_.plan);
  }

  Outcome<void> issue(const Assignment& assignment, const Identity& identity, Seat& seat) {
    Entry& entry = record_.entries[assignment.index];
    CARDEA_TRY(auto state, state_for(entry, assignment.afresh));
    const bool resumed = perso::has_begun(state);
    entry.stage = Stage::issuing;
    entry.serial = identity.serial;
    entry.reason.clear();
    CARDEA_CHECK(save());
    CARDEA_CHECK(tidy_up_given_up(entry));
    tools_.listener.person(assignment.index + 1, record_.entries.size(), entry, resumed);
    const auto fresh = secrets_for(entry);
    if (!fresh)
      return failed(entry, {fresh.error().code == Errc::unavailable ? Exit::interrupted : Exit::usage,
                            fresh.error().what});

    state.reader = seat.reader();
    WatchedStates states{tools_.folder.state(entry.guid)};
    perso::Desk desk{seat.card(), tools_.authority, states, tools_.listener, tools_.interrupted};
    const std::size_t before = state.done.size();
    const auto began = std::chrono::steady_clock::now();
    const auto warnings =
        perso::issue({terms_.plan, terms_.current, *fresh, false, terms_.keys}, state, desk);
    if (state.done.size() > before) losses_ = 0;
    if (!warnings) {
      const bool by_request = tools_.interrupted && tools_.interrupted();
      const bool gone = warnings.error().exit == Exit::interrupted || warnings.error().exit == Exit::no_card;
      if (gone && !by_request && !states.broken()) return lost(&entry, warnings.error().what);
      return failed(entry, warnings.error());
    }
    return done(
        entry, state, *warnings,
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began));
  }

  Outcome<void> done(Entry& entry, const perso::State& state, const std::vector<std::string>& warnings,
                     std::chrono::milliseconds took) {
    entry.stage = Stage::done;
    entry.serial = state.serial;
    for (const auto& slot : terms_.plan.slots) {
      const auto known = state.slots.find(slot.slot.reference);
      if (known == state.slots.end()) continue;
      if (const auto certificate = ca::describe_certificate(known->second.certificate))
        entry.certificates[piv::name(slot.slot)] = certificate->serial;
    }
    CARDEA_CHECK(save());
    CARDEA_CHECK(tidy_up_after(entry));
    tools_.listener.issued(entry, took, warnings);
    wanted_ = {Why::issued, ""};
    return {};
  }

  Outcome<void> tidy_up_after(const Entry& entry) {
    if (record_.seal_to.empty()) return {};
    if (const auto gone = shred(tools_.folder.secrets(entry.guid)); !gone)
      return stop(Exit::interrupted, gone.error().what);
    return {};
  }

  /// Ends the batch, or goes on with the next person when that was asked for. A full disk and a person who
  /// wants to stop are nobody's failure but the batch's.
  Outcome<void> failed(Entry& entry, const Failure& failure) {
    const bool theirs = failure.exit == Exit::refused || failure.exit == Exit::ca_failed;
    entry.reason = failure.what;
    if (terms_.keep_going && theirs) entry.stage = Stage::failed;
    CARDEA_CHECK(save());
    tools_.listener.not_issued(entry, failure.what);
    if (entry.stage != Stage::failed) return tl::unexpected{failure};
    wanted_ = {Why::failed, ""};
    return {};
  }

  Record& record_;
  const Terms& terms_;
  Tools& tools_;
  Wanted wanted_;
  unsigned losses_ = 0;
};

}  // namespace

Tally count(const Record& record) {
  Tally out;
  for (const auto& entry : record.entries) {
    out.done += entry.stage == Stage::done ? 1U : 0U;
    out.failed += entry.stage == Stage::failed ? 1U : 0U;
    out.left += entry.stage == Stage::pending || entry.stage == Stage::issuing ? 1U : 0U;
  }
  return out;
}

Outcome<Tally> run(Record& record, const Terms& terms, Tools& tools) {
  if (!terms.plan.chuid)
    return stop(Exit::usage,
                "the plan writes no CHUID (objects.chuid), by which a batch tells one card from another");
  return Batch{record, terms, tools}.all();
}

}  // namespace cardea::cms::batch

// Two officers of a tenant that keeps an escrow key set a new PIN for a card whose holder has no way back in.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cardea/api/card_secret.h"
#include "cardea/service/recovery.h"

namespace cardea::service {
namespace {

constexpr std::chrono::hours kCaseLife{1};
constexpr std::size_t kCaseOctets = 9;
constexpr std::size_t kLinkOctets = 32;
/// The daily limit is against guessing, and there is nothing to guess here.
constexpr std::size_t kNoLimit = 1'000'000;

std::string detail(const std::string& id, const std::string& officer, const std::string& reason = {}) {
  nlohmann::json out{{"case", id}, {"officer", officer}};
  if (!reason.empty()) out["reason"] = reason;
  return out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<Recovery::EscrowCase*> Recovery::escrow_case(const std::string& id) {
  const auto now = world_.clock.now();
  std::erase_if(cases_, [now](const auto& entry) { return entry.second.expires <= now; });
  const auto found = cases_.find(id);
  if (found == cases_.end()) return fail(Errc::not_found, "there is no open case " + id);
  return &found->second;
}

Result<Recovery::EscrowCase> Recovery::request_escrow(const std::string& card, const std::string& officer,
                                                      const std::string& reason, const std::string& actor) {
  if (officer.empty() || reason.empty()) return fail(Errc::invalid, "name the officer and the reason");
  CARDEA_TRY(const auto row, world_.database.card(card));
  const auto copy = world_.database.secret_copy(row.id, std::string{api::card_secret::kEscrow});
  if (!copy && copy.error().code == Errc::not_found)
    return fail(Errc::denied, "the card has no escrow copy: only its holder can open it");
  if (!copy) return tl::unexpected{copy.error()};
  EscrowCase made{new_token(world_.rng, kCaseOctets), row.id, officer, false, world_.clock.now() + kCaseLife};
  CARDEA_CHECK(note(row, actor, "escrow.request", true, detail(made.id, officer, reason)));
  const std::lock_guard lock{mutex_};
  cases_[made.id] = made;
  return made;
}

Result<void> Recovery::approve_escrow(const std::string& id, const std::string& officer,
                                      const std::string& actor) {
  if (officer.empty()) return fail(Errc::invalid, "name the officer");
  EscrowCase known;
  {
    const std::lock_guard lock{mutex_};
    CARDEA_TRY(const auto* found, escrow_case(id));
    known = *found;
  }
  CARDEA_TRY(const auto row, world_.database.card(known.card));
  const bool another = officer != known.officer;
  CARDEA_CHECK(note(row, actor, "escrow.approve", another, detail(id, officer)));
  if (!another) return fail(Errc::denied, "a second officer approves, not the one who asked");
  const std::lock_guard lock{mutex_};
  CARDEA_TRY(auto* found, escrow_case(id));
  found->approved = true;
  return {};
}

Result<Recovery::EscrowOpening> Recovery::open_escrow(const std::string& id, const std::string& actor) {
  EscrowCase taken;
  {
    const std::lock_guard lock{mutex_};
    CARDEA_TRY(const auto* found, escrow_case(id));
    if (!found->approved) return fail(Errc::denied, "no second officer has approved this case");
    taken = *found;
    cases_.erase(id);
  }
  CARDEA_TRY(const auto row, world_.database.card(taken.card));
  EscrowOpening out;
  CARDEA_TRY(out.copy, world_.database.secret_copy(row.id, std::string{api::card_secret::kEscrow}));
  // Said before it leaves the server.
  CARDEA_CHECK(note(row, actor, "escrow.open", true, detail(id, taken.officer)));
  out.link = new_token(world_.rng, kLinkOctets);
  const auto hash = hash_of(out.link);
  store::RecoveryLink stored;
  stored.hash = hash;
  stored.card = row.id;
  stored.actor = actor;
  stored.created_at = world_.clock.now();
  stored.expires_at = stored.created_at + limits_.life;
  stored.attempts = 0;  // this one is made here; nothing else can be tried with it
  CARDEA_CHECK(world_.database.add(stored, kNoLimit));
  CARDEA_TRY(out.challenge, challenge(hash, row, std::nullopt, stored.expires_at, "escrow"));
  CARDEA_TRY(out.view, look(out.link));
  return out;
}

}  // namespace cardea::service

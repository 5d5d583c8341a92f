#include "reference_data.h"

#include <algorithm>

namespace cardea::cms::perso {

namespace {

using piv::AdminAlgorithm;
using piv::AdminKey;

constexpr const char* kManagementKey = "management-key";

/// A key of 24 octets may be 3DES or AES-192: the card knows.
std::vector<AdminKey> readings(const AdminKey& key) {
  std::vector<AdminKey> out;
  out.push_back(key.clone());
  if (key.algorithm == AdminAlgorithm::tdes) out.push_back({AdminAlgorithm::aes192, key.value.clone()});
  return out;
}

struct Candidate {
  AdminKey key;
  bool fresh;
};

/// The keys that the card may have, the likeliest first.
std::vector<Candidate> candidates(const Job& job, const State& state) {
  std::vector<Candidate> out;
  const bool maybe_fresh = state.begun.contains(kManagementKey) || state.done.contains(kManagementKey);
  if (maybe_fresh && job.fresh.management_key) out.push_back({job.fresh.management_key->clone(), true});
  // Also where the change is known: a roll-back may have been cut off right after it undid it.
  for (auto& key : readings(job.current.management_key))
    out.push_back({std::move(key), false});
  return out;
}

bool carries_certificates(piv::Card& card, const Plan& plan, Result<void>& problem) {
  for (const auto& slot : plan.slots) {
    const auto certificate = card.read_object(slot.slot.certificate_tag);
    if (!certificate) {
      problem = tl::unexpected{certificate.error()};
      return false;
    }
    if (certificate->has_value()) return true;
  }
  return false;
}

}  // namespace

Outcome<piv::CardFacts> open_card(State& state, Desk& desk, bool fresh, bool replace, const Plan& plan) {
  const auto facts = desk.card.open();
  if (!facts) return tl::unexpected{to_failure(facts.error())};
  const auto chuid = desk.card.read_object(piv::tag::kChuid);
  if (!chuid) return tl::unexpected{to_failure(chuid.error())};

  if (facts->pin_tries == 0U) {
    return tl::unexpected{Failure{
        Exit::refused, "the PIN of the card is blocked; unblock it with the PUK, or take another card"}};
  }
  if (fresh) {
    state.serial = facts->serial;
    if (replace) return *facts;
    const auto guid = chuid->has_value() ? piv::chuid_guid(**chuid) : std::nullopt;
    Result<void> problem;
    const bool issued = chuid->has_value() || carries_certificates(desk.card, plan, problem);
    if (!problem) return tl::unexpected{to_failure(problem.error())};
    if (issued) {
      return tl::unexpected{Failure{Exit::refused, "this card is issued already" +
                                                       (guid ? " (" + guid_text(*guid) + ")" : "") +
                                                       "; --replace issues it anew"}};
    }
    return *facts;
  }

  if (state.renewal) {
    const auto guid = chuid->has_value() ? piv::chuid_guid(**chuid) : std::nullopt;
    if (state.serial == facts->serial && guid.value_or(piv::Guid{}) == state.guid) return *facts;
    return tl::unexpected{
        Failure{Exit::refused, "the card in the reader is not the one that is to be renewed"}};
  }
  const auto recorded = state.objects.find(piv::tag::kChuid);
  const bool same_serial = state.serial == facts->serial;
  const bool same_chuid =
      recorded == state.objects.end() || chuid->value_or(Bytes{}) == recorded->second.content ||
      (!state.done.contains("chuid") && chuid->value_or(Bytes{}) == recorded->second.before);
  if (!same_serial || !same_chuid) {
    return tl::unexpected{
        Failure{Exit::refused, "the card in the reader is not the one that this issuance began with"}};
  }
  return *facts;
}

Outcome<void> authenticate(const Job& job, State& state, Desk& desk) {
  if (job.plan.channel) {
    // Whoever opens the channel is the administrator; it says nothing about the management key.
    const auto opened = desk.card.authenticate(job.current.management_key);
    if (!opened) return tl::unexpected{to_failure(opened.error())};
    return {};
  }
  Error last{Errc::denied, ""};
  for (const auto& candidate : candidates(job, state)) {
    const auto result = desk.card.authenticate(candidate.key);
    if (result) {
      if (candidate.fresh) {
        state.done.insert(kManagementKey);
      } else {
        state.done.erase(kManagementKey);
      }
      return {};
    }
    // "Does not take 3DES" says less than "wrong management key".
    if (last.what.empty() || result.error().what.find("does not take") == std::string::npos)
      last = result.error();
    if (result.error().code != Errc::denied) break;
  }
  if (last.code == Errc::denied && state.done.contains(kManagementKey) && !job.fresh.management_key) {
    return tl::unexpected{Failure{
        Exit::usage, "the management key that was set is needed: --management-key-file or --secrets"}};
  }
  return tl::unexpected{to_failure(last)};
}

Outcome<void> change_reference(const std::string& id, std::uint8_t reference, const SecretBytes& from,
                               const SecretBytes& to, State& state, Desk& desk) {
  const bool uncertain = state.begun.contains(id);
  state.begun.insert(id);
  if (const auto saved = desk.states.save(state); !saved) return tl::unexpected{to_failure(saved.error())};
  const auto changed = desk.card.change_reference(reference, from, to);
  if (changed) return {};
  if (!uncertain || changed.error().code != Errc::denied) return tl::unexpected{to_failure(changed.error())};
  // The earlier attempt may have reached the card before the connection was lost. Presenting the other value,
  // once, tells, and gives back the try that the wrong one cost.
  const auto there = desk.card.change_reference(reference, to, to);
  if (!there) return tl::unexpected{to_failure(there.error())};
  return {};
}

}  // namespace cardea::cms::perso

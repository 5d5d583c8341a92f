#pragma once

#include <cstdint>
#include <set>

#include "cardea/cms/perso/issue.h"

namespace cardea::cms::perso {

/// What of a card is to be renewed.
struct RenewalTerms {
  const Plan& plan;              ///< what the certificates are for
  std::set<std::uint8_t> slots;  ///< by key reference; empty: all of the plan's that hold a certificate
  bool new_keys = false;
  std::set<std::uint8_t> imported;  ///< retired slots for which a copy of the old encryption key is given
};

/// A renewal is an issuance over a smaller plan: `issue`, `roll_back` and the state file work with it as they
/// are.
struct Renewal {
  Plan plan;
  State state;
};

/// Looks at the card, writes nothing, and says what its renewal is to be: the same keys (or new ones, where
/// the old encryption key goes to a retired slot with its certificate and the key history counts it), the
/// holder of the certificates that are there, new certificates in their place.
///
/// Failures: refused (no CHUID, no certificates, no retired slot is free, an encryption key that neither can
/// be moved nor is given).
Outcome<Renewal> plan_renewal(piv::Card& card, const RenewalTerms& terms);

}  // namespace cardea::cms::perso

#pragma once

#include <vector>

#include "cardea/cms/perso/issue.h"

namespace cardea::cms::perso {

/// Checks that the card in the reader is the one of `state`, and that its PIN is not blocked.
Outcome<piv::CardFacts> open_card(State& state, Desk& desk, bool fresh, bool replace, const Plan& plan);

/// Authenticates with the management key that the card must have by now; where that is uncertain, with one
/// after the other (a wrong management key costs no tries). Notes in `state` when the card turns out to have
/// the new one.
Outcome<void> authenticate(const Job& job, State& state, Desk& desk);

/// Changes PIN or PUK from `from` to `to`, under the name that `state` remembers it by. A change that was
/// begun before may have happened: then `to` already opens the reference, and that is found out with one
/// attempt.
Outcome<void> change_reference(const std::string& id, std::uint8_t reference, const SecretBytes& from,
                               const SecretBytes& to, State& state, Desk& desk);

}  // namespace cardea::cms::perso

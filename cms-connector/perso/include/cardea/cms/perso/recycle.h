#pragma once

#include "cardea/cms/perso/issue.h"

namespace cardea::cms::perso {

/// How a card is brought back to what it was before it was issued.
struct RecycleTerms {
  const Credentials& current;     ///< what opens it now; needed where it has no RESET
  std::optional<piv::Guid> guid;  ///< the card has to have this one
};

/// Back to the factory: with Yubico's RESET, for which PIN and PUK are blocked on purpose; on a card without
/// it, its objects are deleted, its keys replaced by ones that nobody will use, and management key (where it
/// can be), PUK and PIN set to the factory's. It can be repeated wherever it was cut off.
///
/// Result: what could not be undone.
Outcome<std::vector<std::string>> recycle(const RecycleTerms& terms, piv::Card& card, Progress& progress,
                                          const std::function<bool()>& interrupted);

}  // namespace cardea::cms::perso

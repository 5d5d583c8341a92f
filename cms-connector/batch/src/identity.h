#pragma once

#include <optional>
#include <string>
#include <variant>

#include "cardea/cms/batch/batch.h"

namespace cardea::cms::batch {

/// How a card is told from others.
struct Identity {
  std::string guid;  ///< of its CHUID; empty when it has none
  std::optional<std::uint32_t> serial;
  bool certificates = false;  ///< in one of the plan's slots
};

/// Selects PIV and looks. Errors: those of the card.
Result<Identity> identify(piv::Card& card, const perso::Plan& plan);

/// A card that is not to be issued, and why.
struct Refusal {
  std::string why;
  bool was_ours = false;  ///< issued by this batch: no news for the operator
};

/// Whose card it is to be.
struct Assignment {
  std::size_t index = 0;  ///< in the record
  bool afresh = false;    ///< the card that was begun for this person is given up
};
using Choice = std::variant<Assignment, Refusal>;

/// What an entry's state file says was done to its card.
enum class Begun : std::uint8_t { nothing, without_chuid, with_chuid };

Choice choose(const Record& record, const Identity& card, bool give_up_interrupted,
              const std::function<Begun(const Entry&)>& begun);

}  // namespace cardea::cms::batch

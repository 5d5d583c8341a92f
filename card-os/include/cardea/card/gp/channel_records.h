#pragma once

#include <algorithm>
#include <span>

#include "cardea/card/gp/sequence_counters.h"

namespace cardea::card::gp {

/// Whether all that these changes do is count secure channels: the card holds then what it held before. Not
/// so for no changes at all.
inline bool counts_channels_only(std::span<const Change> changes) {
  return !changes.empty() && std::ranges::all_of(changes, [](const Change& change) {
    return change.id == StoredSequenceCounters::record(static_cast<std::uint8_t>(change.id.id));
  });
}

}  // namespace cardea::card::gp

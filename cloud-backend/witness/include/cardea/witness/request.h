#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/audit/checkpoint.h"

namespace cardea::witness {

/// The body of C2SP tlog-witness' `add-checkpoint`.
struct AddCheckpoint {
  std::uint64_t old = 0;  ///< what the log believes to be the last size the witness has seen
  audit::Proof proof;     ///< from there to the checkpoint
  std::string note;       ///< the signed checkpoint
  std::string text;       ///< what is signed of it, extension lines included
  audit::Checkpoint checkpoint;
};

/// Nothing for what is not exactly such a body.
std::optional<AddCheckpoint> parse_add_checkpoint(std::string_view body);

/// The text of a checkpoint, which may have extension lines after its three. Nothing when it is none.
std::optional<audit::Checkpoint> parse_checkpoint_text(std::string_view text);

}  // namespace cardea::witness

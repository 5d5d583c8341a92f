#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/audit/checkpoint.h"
#include "cardea/audit/note.h"

namespace cardea::audit {

/// Keeps the last checkpoint of one log in a file of its own and takes only those that continue it. One
/// process at a time. The log's key is that of the first checkpoint it is shown.
class Witness {
 public:
  /// Errors: `corrupt` for a file that cannot be read back, `unavailable`.
  static Result<Witness> open(std::filesystem::path file);

  /// The last one; nothing before the first.
  [[nodiscard]] const std::optional<Checkpoint>& last() const { return last_; }
  /// Durable when it returns. `proof`: that the log of last() is the beginning of this one. Errors:
  /// `conflict` for what does not continue the last checkpoint, `corrupt` for what is not signed by the log,
  /// `unavailable`.
  Result<Checkpoint> add(const std::string& note, const NoteKey& key, const Proof& proof);

 private:
  explicit Witness(std::filesystem::path file) : file_{std::move(file)} {}

  std::filesystem::path file_;
  std::optional<NoteKey> key_;
  std::optional<Checkpoint> last_;
};

}  // namespace cardea::audit

#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "cardea/audit/note.h"
#include "cardea/audit/witness.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/world.h"

namespace cardea::service {

/// Puts the log of changes to use: the HSM's key for it, checkpoints, the witness, and what follows when a
/// row is not what the server wrote.
class Integrity {
 public:
  /// For the operator: what happened, about what.
  using Report = std::function<void(const char* event, const std::string& what)>;

  /// `witness`: the file with the last checkpoint.
  Integrity(World world, CardSessions& sessions, std::filesystem::path witness, Report report);

  /// Every second or so: begins as soon as the vault is open, signs a checkpoint where there is something
  /// new, freezes cards whose rows somebody else changed. What goes wrong is reported, and tried again.
  void tick();

  /// Everything, from the database's file: log, rows, checkpoint, witness. Errors: `unavailable` before it
  /// has begun.
  Result<store::Findings> verify();
  /// That a line of the audit log is in the log of changes. Errors: `not_found`, `unavailable`.
  Result<std::string> receipt(std::uint64_t audit_number);
  /// The key that checkpoints verify with, as C2SP writes it. Errors: `unavailable`.
  Result<std::string> key();

 private:
  Result<void> begin();
  Result<void> checkpoint();
  void refuse(const std::string& why);
  void handle(const store::Alarm& alarm);
  void once(const char* event, const std::string& what);

  World world_;
  CardSessions& sessions_;
  std::filesystem::path file_;
  Report report_;
  std::mutex mutex_;
  std::optional<audit::Witness> witness_;
  std::optional<audit::NoteKey> key_;
  std::string last_note_;
  std::string last_said_;
  bool refused_ = false;
};

}  // namespace cardea::service

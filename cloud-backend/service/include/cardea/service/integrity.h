#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "cardea/audit/note.h"
#include "cardea/audit/witness.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/remote_witness.h"
#include "cardea/service/world.h"

namespace cardea::service {

/// Who keeps the last checkpoint.
struct Witnesses {
  std::filesystem::path file;              ///< in the data directory
  std::filesystem::path cosigned;          ///< where the last cosigned checkpoint is kept
  std::unique_ptr<RemoteWitness> machine;  ///< null: none but the file
  bool required = false;                   ///< no key is used while `machine` is away
  std::string origin;                      ///< the log's name, to all of them
};

/// How it stands with the witness on another machine.
struct WitnessStatus {
  std::string name;
  bool required = false;
  bool away = false;           ///< the last time it was asked; true before the first
  std::string reason;          ///< why
  std::uint64_t size = 0;      ///< of the last checkpoint that it cosigned
  std::uint64_t time = 0;      ///< when, in seconds since 1970; 0: never
  std::uint64_t failures = 0;  ///< how often it was asked in vain
};

/// Puts the log of changes to use: the HSM's key for it, checkpoints, the witnesses, and what follows when a
/// row is not what the server wrote.
class Integrity {
 public:
  /// For the operator: what happened, about what.
  using Report = std::function<void(const char* event, const std::string& what)>;

  /// With a witness on another machine no key can be used until it was asked.
  Integrity(World world, CardSessions& sessions, Witnesses witnesses, Report report);

  /// Every second or so: begins as soon as the vault is open, signs a checkpoint where there is something
  /// new, freezes cards whose rows somebody else changed. What goes wrong is reported, and tried again.
  void tick();
  /// Whether the log of changes has begun, and the witness in the data directory has its last checkpoint.
  bool relied_on();
  /// As often, from another thread, because it waits for an answer: has the witness on another machine cosign
  /// the last checkpoint. Refuses everything from then on when the witness has seen more, or something else.
  void ask_witness();

  /// Everything, from the database's file: log, rows, checkpoint, witness. Errors: `unavailable` before it
  /// has begun.
  Result<store::Findings> verify();
  /// That a line of the audit log is in the log of changes, cosigned where that can be had. Errors:
  /// `not_found`, `unavailable`.
  Result<std::string> receipt(std::uint64_t audit_number);
  /// The key that checkpoints verify with, as C2SP writes it. Errors: `unavailable`.
  Result<std::string> key();
  /// Nothing without a witness on another machine.
  std::optional<WitnessStatus> witness_status();

 private:
  /// A checkpoint with the witness' line.
  struct Cosigned {
    audit::Checkpoint checkpoint;
    std::string note;
    std::uint64_t time = 0;
  };

  Result<void> begin();
  void read_cosigned();
  Result<void> checkpoint();
  Result<Cosigned> have_cosigned(const audit::Checkpoint& checkpoint, const std::string& note);
  void answered(Cosigned cosigned);
  void not_answered(const std::string& why);
  void refuse(const std::string& why);
  void handle(const store::Alarm& alarm);
  void once(const char* event, const std::string& what);

  World world_;
  CardSessions& sessions_;
  const std::filesystem::path file_;
  const std::filesystem::path cosigned_file_;
  const std::string origin_;
  const bool required_;
  const audit::CosignerKey remote_key_;
  const Report report_;

  std::mutex asking_;  ///< of the two below; taken before the other
  std::unique_ptr<RemoteWitness> remote_;
  std::uint64_t remote_size_ = 0;  ///< what the witness has seen, as far as is known

  std::mutex mutex_;  ///< of all that follows
  std::optional<audit::Witness> witness_;
  std::optional<audit::NoteKey> key_;
  std::string last_note_;
  std::string last_said_;
  bool refused_ = false;
  std::optional<Cosigned> cosigned_;
  std::chrono::steady_clock::time_point asked_;
  std::optional<WitnessStatus> status_;
};

}  // namespace cardea::service

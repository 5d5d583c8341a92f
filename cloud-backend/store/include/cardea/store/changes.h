#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cardea/audit/tree.h"
#include "cardea/result.h"
#include "cardea/secret.h"
#include "cardea/store/rows.h"

namespace cardea::store {

/// What was found when rows were compared with the log of their changes.
struct Findings {
  std::uint64_t leaves = 0;
  std::uint64_t rows = 0;             ///< that were compared
  bool begun = false;                 ///< there was no log: what there was has been taken as right
  std::vector<std::string> problems;  ///< one sentence each, naming table and row
  std::string broken;                 ///< why the log itself is not the server's; empty: it is
};

/// A row that was not what the server wrote.
struct Alarm {
  std::string card;  ///< empty where it is none of a card
  std::string what;

  friend bool operator==(const Alarm&, const Alarm&) = default;
};

struct LogHead {
  std::uint64_t size = 0;
  audit::Hash root{};
};

struct LoggedLine {
  std::uint64_t leaf = 0;
  Bytes entry;  ///< audit::encode_row
};

struct Freeze {
  std::string reason;
  Time at;
};

/// The log of all changes, and what it is good for: rows that somebody else changed, deleted, added, swapped
/// or put back are noticed before the server uses them. Thread-safe.
///
/// Until `protect` nothing is checked; what is changed meanwhile is remembered and logged then.
class Changes {
 public:
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;
  virtual ~Changes() = default;

  /// Reads log and rows, compares them, and logs and checks every change from then on. `key`: 32 octets,
  /// always the same for this database. With problems it protects all the same: what they are about stays
  /// refused. Errors: `invalid`, `conflict` when it was called before; those of reading and writing.
  virtual Result<Findings> protect(const SecretBytes& key) = 0;
  [[nodiscard]] virtual bool on() const = 0;
  /// Whether `protect` found every row as the log has it. Where it did not, a row that is missing cannot be
  /// told from one that never was.
  [[nodiscard]] virtual bool intact() const = 0;
  /// Every card is refused from now on, for this reason.
  virtual void refuse(const std::string& reason) = 0;
  /// Every card is refused for the time being, until it is called with an empty reason; no alarm is raised.
  virtual void hold(const std::string& reason) = 0;

  /// Whether all rows of the card are what the server wrote, and those of its organisation, its holder and
  /// this device (empty: of none). Good before `protect`. Errors: `corrupt` with a sentence; `unavailable`
  /// while held; `not_found`.
  virtual Result<void> check_card(const std::string& card, const std::string& device) = 0;
  /// The same, and the card's row as it was at the moment of the comparison: what was read at another one may
  /// have been somebody else's for just that long.
  virtual Result<CardRow> checked_card(const std::string& card, const std::string& device) = 0;
  /// A device's row as it was at the moment when it was compared; as it is, where every card is refused
  /// anyway. Errors: `corrupt` with a sentence; `not_found`.
  virtual Result<Device> checked_device(const std::string& id) = 0;
  /// Everything anew, from the file.
  virtual Result<Findings> verify() = 0;
  /// What was noticed since the last call.
  virtual std::vector<Alarm> alarms() = 0;

  virtual Result<void> freeze(const std::string& card, const Freeze& freeze) = 0;
  /// Errors: `not_found`.
  virtual Result<void> thaw(const std::string& card) = 0;
  virtual Result<std::optional<Freeze>> frozen(const std::string& card) = 0;

  [[nodiscard]] virtual LogHead head() const = 0;
  // Errors: `invalid` beyond the log.
  virtual Result<audit::Hash> root(std::uint64_t size) = 0;
  virtual Result<audit::Proof> inclusion(std::uint64_t leaf, std::uint64_t size) = 0;
  virtual Result<audit::Proof> consistency(std::uint64_t older, std::uint64_t size) = 0;
  /// In place of the last one.
  virtual Result<void> keep_checkpoint(std::uint64_t size, const std::string& note) = 0;
  virtual Result<std::optional<std::string>> checkpoint() = 0;
  /// A line of the audit log, as a leaf. Errors: `not_found`.
  virtual Result<LoggedLine> line(std::uint64_t audit_number) = 0;

 protected:
  Changes() = default;
};

}  // namespace cardea::store

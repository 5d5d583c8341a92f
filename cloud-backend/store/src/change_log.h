#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "cardea/store/changes.h"
#include "table_rows.h"

struct sqlite3;

namespace cardea::store {

/// A row of a table that has one column for a key.
using RowName = std::pair<std::string, std::variant<std::string, Bytes>>;
using RowNames = std::vector<RowName>;

/// Follows the writing connection: SQLite tells it of each row before it changes, it checks that the row is
/// what it was left as, and adds a leaf to the log in the same transaction. Keeps in memory what every row
/// should be.
///
/// Called by the writer's thread only, but for `compare` and those below it.
class ChangeLog {
 public:
  explicit ChangeLog(Connection& writing);
  ChangeLog(const ChangeLog&) = delete;
  ChangeLog& operator=(const ChangeLog&) = delete;
  ~ChangeLog();

  // What the writer does around a piece of work and a transaction.
  /// At the end of a piece, inside its savepoint. Errors: `corrupt` when the piece met a row that somebody
  /// else changed.
  Result<void> log_piece();
  void piece_undone();
  void committed();
  void undone();

  /// Inside a transaction. `upgraded`: rows may differ because the schema has just changed; they were
  /// compared before.
  Result<Findings> protect(Connection& db, const SecretBytes& key, bool upgraded);
  /// Whether rows and log fit together, as far as that shows without the key. True without a log.
  Result<bool> fits(Connection& db) const;

  /// How a comparison ended.
  enum class Outcome { same, too_early, different };
  struct Comparison {
    Outcome outcome = Outcome::same;
    std::string what;
    std::uint64_t size = 0;  ///< of the log in the reader's transaction
  };
  /// Until the log in memory is at least that long, or a while has passed.
  void wait_for_commit(std::uint64_t size) const;
  /// Inside a transaction of a reader: the rows of a card (empty: of none) and all it hangs on, and those
  /// that are named by table and key.
  Comparison compare(Connection& db, const std::string& card, const RowNames& others) const;
  /// The whole file, inside a transaction of a reader. `at_least` leaves were committed before it began; it
  /// may show more of them, and fewer only where somebody cut the log.
  Result<Findings> verify(Connection& db, std::uint64_t at_least) const;

  [[nodiscard]] bool on() const;
  [[nodiscard]] bool intact() const;
  void refuse(const std::string& reason);
  [[nodiscard]] std::string refused() const;
  void hold(const std::string& reason);
  [[nodiscard]] std::string held() const;
  void alarm(Alarm alarm);
  std::vector<Alarm> alarms();
  [[nodiscard]] LogHead head() const;
  /// Under the log's lock.
  template <class F>
  auto with_tree(F&& f) const {
    const std::shared_lock lock{mutex_};
    return f(tree_);
  }
  [[nodiscard]] const Table* table(const std::string& name) const;

 private:
  using Tag = audit::Hash;
  using Rows = std::map<std::string, audit::Hash>;
  struct Group {
    Rows rows;
    std::uint64_t last = 0;  ///< the leaf that changed it last
  };
  /// A row that a piece touched. Nothing: there is none.
  struct Touched {
    std::string group;
    bool kept = true;
    std::optional<audit::Hash> before;
    std::optional<audit::Hash> now;
    std::string card_id;  ///< of a row of `cards`
  };
  struct Leaf {
    std::string key;
    Touched change;
    Tag tag{};
  };
  struct Scan;
  /// Rows that are to be those of a group.
  struct Asked {
    std::string group;
    std::vector<LoggedRow> found;
  };

  void changing(sqlite3* db, int operation, const Table& table);
  void touch_one(const Table& table, const LoggedRow& row, const std::optional<audit::Hash>& before,
                 const std::optional<audit::Hash>& now);
  static std::vector<LoggedRow> rows_of(Connection& db, const Table& table, const std::string& value,
                                        Bytes& scratch);
  static Asked one_row(Connection& db, const Table& table, const RowName& name, Bytes& scratch);
  /// A sentence about the first row that is not as it should be.
  static std::optional<std::string> difference(const Rows& right, const std::vector<LoggedRow>& found);
  [[nodiscard]] std::optional<audit::Hash> expected(const std::string& group, const std::string& key) const;
  void remember(const std::string& key, const Touched& change, std::uint64_t number);
  Result<void> write_leaf(const std::string& key, const Touched& change);
  /// The log as the file has it. Without `key`, tags are not looked at.
  Result<Scan> scan(Connection& db, const SecretBytes* key) const;
  /// `differs` is called for each row that is not as the log says; `row` is null for one that is not there.
  template <class F>
  void compare_rows(Connection& db, Scan& scan, F&& differs) const;

  Connection& db_;
  std::vector<Table> tables_;
  bool had_log_ = false;
  std::int64_t schema_ = 0;

  // The piece and the transaction in progress.
  std::map<std::string, Touched> piece_;
  std::string violation_;
  std::vector<Leaf> staged_;
  std::size_t before_piece_ = 0;
  std::unordered_map<std::string, std::optional<audit::Hash>> overlay_;
  std::map<std::string, Touched> unlogged_;  ///< committed before `protect`

  mutable std::shared_mutex mutex_;  ///< of all that follows
  mutable std::condition_variable_any grown_;
  std::optional<SecretBytes> key_;
  bool intact_ = false;
  audit::Tree tree_;
  Tag last_tag_{};
  std::unordered_map<std::string, Group> groups_;
  std::unordered_map<std::string, std::string> cards_;  ///< id → group
  std::string refused_;
  std::string held_;
  std::vector<Alarm> alarms_;
};

}  // namespace cardea::store

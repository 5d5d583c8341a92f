#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "change_log.h"

#include <sodium.h>
#include <sqlite3.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace cardea::store {

namespace {

constexpr std::string_view kTagContext = "cardea-change/1";

Bytes octets(const std::string& text) {
  return to_bytes(as_bytes(text));
}

audit::Hash leaf_of(const std::string& key, const std::optional<audit::Hash>& now) {
  return now ? *now : audit::leaf_hash(as_bytes(key));
}

std::optional<std::int64_t> card_of(const std::string& group) {
  constexpr std::string_view kCard = "card ";
  std::int64_t number = 0;
  if (!group.starts_with(kCard)) return std::nullopt;
  const auto* const end = group.data() + group.size();
  if (std::from_chars(group.data() + kCard.size(), end, number).ptr != end) return std::nullopt;
  return number;
}

/// Each tag covers the one before it, so that leaves can neither be changed, nor re-ordered, nor taken out.
audit::Hash tag_of(const SecretBytes& key, std::uint64_t number, const audit::Hash& previous,
                   const audit::Hash& hash, const std::string& group, const std::string& row_key) {
  Bytes message = octets(std::string{kTagContext});
  append_be64(message, number);
  append(message, previous);
  append(message, hash);
  const auto card = card_of(group);
  message.push_back(card ? 1 : 0);
  if (card) append_be64(message, static_cast<std::uint64_t>(*card));
  append(message, as_bytes(row_key));
  audit::Hash tag{};
  crypto_auth_hmacsha256(tag.data(), message.data(), message.size(), key.expose().data());
  return tag;
}

audit::Value value_of(sqlite3_value* value) {
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_TEXT: {
      const auto* text = static_cast<const char*>(sqlite3_value_blob(value));
      return text == nullptr ? std::string{} : std::string{text, size};
    }
    case SQLITE_BLOB: {
      const auto* data = static_cast<const std::uint8_t*>(sqlite3_value_blob(value));
      return data == nullptr ? Bytes{} : Bytes(data, data + size);
    }
    default:
      return std::monostate{};
  }
}

/// The row before (`get` is sqlite3_preupdate_old) or after (…_new) the change that is being made.
audit::Row row_in_change(sqlite3* db, const Table& table, int (*get)(sqlite3*, int, sqlite3_value**)) {
  audit::Row row{table.name, {}};
  row.columns.reserve(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    sqlite3_value* raw = nullptr;
    audit::Value value;
    if (get(db, static_cast<int>(i), &raw) == SQLITE_OK && raw != nullptr) value = value_of(raw);
    // SQLite shows columns that are younger than the row as NULL here.
    if (std::holds_alternative<std::monostate>(value)) value = column.otherwise;
    row.columns.push_back({column.name, std::move(value), column.key});
  }
  return row;
}

std::string card_id(const audit::Row& row) {
  if (row.table != "cards") return {};
  const auto at = std::ranges::find(row.columns, "id", &audit::Column::name);
  const auto* id = at != row.columns.end() ? std::get_if<std::string>(&at->value) : nullptr;
  return id != nullptr ? *id : std::string{};
}

std::string sentence(const std::string& key, bool was_expected, bool is_there) {
  const char* verb = !is_there ? " was deleted" : was_expected ? " was changed" : " was added";
  return audit::describe(as_bytes(key)) + verb + ", and not by the server";
}

template <std::size_t N>
bool copy_exactly(const Bytes& from, std::array<std::uint8_t, N>& to) {
  if (from.size() != N) return false;
  std::ranges::copy(from, to.begin());
  return true;
}

}  // namespace

/// What the file says the rows should be.
struct ChangeLog::Scan {
  struct Row {
    audit::Hash hash;
    std::string group;
    std::uint64_t leaf = 0;
  };
  Findings findings;
  audit::Tree tree;
  Tag last{};
  std::unordered_map<std::string, Row> rows;
};

ChangeLog::ChangeLog(Connection& writing) : db_{writing}, tables_{logged_tables(writing)} {
  had_log_ = writing.exists("SELECT 1 FROM sqlite_schema WHERE name = 'change_log'") &&
             SQLite::Statement{writing.raw(), "SELECT 1 FROM change_log LIMIT 1"}.executeStep();
  sqlite3_preupdate_hook(
      writing.raw().getHandle(),
      [](void* self, sqlite3* db, int operation, const char* database, const char* table, sqlite3_int64,
         sqlite3_int64) {
        if (std::string_view{database} != "main") return;
        auto& log = *static_cast<ChangeLog*>(self);
        if (const auto* logged = log.table(table)) log.changing(db, operation, *logged);
      },
      this);
}

ChangeLog::~ChangeLog() {
  sqlite3_preupdate_hook(db_.raw().getHandle(), nullptr, nullptr);
}

const Table* ChangeLog::table(const std::string& name) const {
  const auto at = std::ranges::find(tables_, name, &Table::name);
  return at != tables_.end() ? &*at : nullptr;
}

/// SQLite is in the middle of a statement: nothing may be written here, and nothing thrown.
void ChangeLog::changing(sqlite3* db, int operation, const Table& table) {
  if (!key_ && !had_log_) return;
  try {
    std::optional<audit::Row> before;
    std::optional<audit::Row> now;
    if (operation != SQLITE_INSERT) before = row_in_change(db, table, sqlite3_preupdate_old);
    if (operation != SQLITE_DELETE) now = row_in_change(db, table, sqlite3_preupdate_new);
    std::optional<LoggedRow> old_row;
    std::optional<LoggedRow> new_row;
    if (before) old_row = logged(table, *before);
    if (now) new_row = logged(table, *now);
    if (old_row && new_row && old_row->key == new_row->key) {
      touch_one(table, *old_row, old_row->hash, new_row->hash);
    } else {
      if (old_row) touch_one(table, *old_row, old_row->hash, std::nullopt);
      if (new_row) touch_one(table, *new_row, std::nullopt, new_row->hash);
    }
    if (now && table.name == "cards") piece_[new_row->key].card_id = card_id(*now);
  } catch (const std::exception& failure) {
    violation_ = std::string{"a change cannot be logged: "} + failure.what();
  }
}

void ChangeLog::touch_one(const Table& table, const LoggedRow& row, const std::optional<audit::Hash>& before,
                          const std::optional<audit::Hash>& now) {
  const auto [at, first] = piece_.try_emplace(row.key);
  auto& change = at->second;
  change.now = now;
  if (!first) return;
  change.group = row.group;
  change.kept = !table.appended_only;
  change.before = before;
  if (!key_ || !change.kept || !violation_.empty()) return;
  const auto right = expected(row.group, row.key);
  if (right != before) violation_ = sentence(row.key, right.has_value(), before.has_value());
}

/// By the transaction in progress, else by what was committed. The writer's thread is the only one that
/// changes either, so it reads without the lock.
std::optional<audit::Hash> ChangeLog::expected(const std::string& group, const std::string& key) const {
  if (const auto changed = overlay_.find(key); changed != overlay_.end()) return changed->second;
  const auto rows = groups_.find(group);
  if (rows == groups_.end()) return std::nullopt;
  const auto row = rows->second.rows.find(key);
  return row == rows->second.rows.end() ? std::nullopt : std::optional{row->second};
}

Result<void> ChangeLog::log_piece() {
  if (key_ && !piece_.empty() && violation_.empty() && schema_version(db_) != schema_) {
    violation_ = "the schema was changed, and not by the server";
  }
  if (!violation_.empty()) return fail(Errc::corrupt, violation_);
  for (const auto& [key, change] : piece_) {
    if (change.before == change.now) continue;
    CARDEA_CHECK(write_leaf(key, change));
  }
  piece_.clear();
  before_piece_ = staged_.size();
  return {};
}

Result<void> ChangeLog::write_leaf(const std::string& key, const Touched& change) {
  Leaf leaf{key, change, {}};
  if (key_) {
    const auto number = tree_.size() + staged_.size();
    const auto hash = leaf_of(key, change.now);
    leaf.tag =
        tag_of(*key_, number, staged_.empty() ? last_tag_ : staged_.back().tag, hash, change.group, key);
    db_.run("INSERT INTO change_log (number, row_key, card, hash, tag) VALUES (?, ?, ?, ?, ?)",
            static_cast<std::int64_t>(number), BytesView{octets(key)}, card_of(change.group), BytesView{hash},
            BytesView{leaf.tag});
  }
  overlay_[key] = change.now;
  staged_.push_back(std::move(leaf));
  return {};
}

void ChangeLog::piece_undone() {
  if (!violation_.empty()) {
    std::string card;
    for (const auto& [id, group] : cards_) {
      for (const auto& [key, change] : piece_)
        if (change.group == group) card = id;
    }
    alarm({card, violation_});
  }
  violation_.clear();
  piece_.clear();
  if (staged_.size() == before_piece_) return;
  staged_.resize(before_piece_);
  overlay_.clear();
  for (const auto& leaf : staged_)
    overlay_[leaf.key] = leaf.change.now;
}

void ChangeLog::committed() {
  const std::unique_lock lock{mutex_};
  for (const auto& leaf : staged_) {
    if (key_) {
      remember(leaf.key, leaf.change, tree_.size());
      tree_.append(leaf_of(leaf.key, leaf.change.now));
      last_tag_ = leaf.tag;
      continue;
    }
    auto [at, first] = unlogged_.try_emplace(leaf.key, leaf.change);
    if (!first) at->second.now = leaf.change.now;
  }
  staged_.clear();
  overlay_.clear();
  before_piece_ = 0;
  grown_.notify_all();
}

void ChangeLog::wait_for_commit(std::uint64_t size) const {
  std::shared_lock lock{mutex_};
  grown_.wait_for(lock, std::chrono::milliseconds{100}, [&] { return tree_.size() >= size; });
}

void ChangeLog::undone() {
  piece_.clear();
  violation_.clear();
  staged_.clear();
  overlay_.clear();
  before_piece_ = 0;
}

void ChangeLog::remember(const std::string& key, const Touched& change, std::uint64_t number) {
  if (!change.kept) return;
  auto& group = groups_[change.group];
  group.last = number;
  if (change.now) {
    group.rows[key] = *change.now;
    if (!change.card_id.empty()) cards_[change.card_id] = change.group;
  } else {
    group.rows.erase(key);
  }
  if (!group.rows.empty()) return;
  std::erase_if(cards_, [&change](const auto& entry) { return entry.second == change.group; });
  groups_.erase(change.group);
}

Result<ChangeLog::Scan> ChangeLog::scan(Connection& db, const SecretBytes* key) const {
  Scan scan;
  auto rows = db.query("SELECT number, row_key, card, hash, tag FROM change_log ORDER BY number");
  while (rows.step()) {
    const auto number = scan.tree.size();
    const Bytes key_octets = rows.blob(1);
    std::string row_key{key_octets.begin(), key_octets.end()};
    std::string group = rows.null(2) ? group_of_key(row_key) : group_of_card(rows.integer(2));
    audit::Hash hash{};
    Tag tag{};
    if (rows.count(0) != number || !copy_exactly(rows.blob(3), hash) || !copy_exactly(rows.blob(4), tag) ||
        (key != nullptr && tag != tag_of(*key, number, scan.last, hash, group, row_key))) {
      scan.findings.broken =
          "table change_log, row number=" + std::to_string(number) + " is not the server's";
      return scan;
    }
    if (hash == audit::leaf_hash(key_octets)) {
      scan.rows.erase(row_key);
    } else {
      scan.rows[row_key] = {hash, std::move(group), number};
    }
    scan.tree.append(hash);
    scan.last = tag;
  }
  scan.findings.leaves = scan.tree.size();
  return scan;
}

template <class F>
void ChangeLog::compare_rows(Connection& db, Scan& scan, F&& differs) const {
  Bytes scratch;
  auto missing = std::set<std::string>{};
  for (const auto& [key, row] : scan.rows)
    missing.insert(key);
  for (const auto& table : tables_) {
    auto rows = db.query(table.all.c_str());
    while (rows.step()) {
      ++scan.findings.rows;
      const auto row = row_at(table, rows);
      const auto now = logged_at(table, rows, scratch);
      missing.erase(now.key);
      const auto right = scan.rows.find(now.key);
      const bool known = right != scan.rows.end();
      Touched change{now.group, !table.appended_only,
                     known ? std::optional{right->second.hash} : std::nullopt, now.hash, card_id(row)};
      if (known && right->second.group != now.group) change.before.reset();
      differs(now.key, change);
    }
  }
  for (const auto& key : missing) {
    const auto& row = scan.rows.at(key);
    differs(key, Touched{row.group, true, row.hash, std::nullopt, {}});
  }
}

Result<Findings> ChangeLog::protect(Connection& db, const SecretBytes& key, bool upgraded) {
  if (on()) return fail(Errc::conflict, "the database is protected already");
  // What pieces of this very transaction changed before.
  for (const auto& leaf : staged_) {
    const auto [at, first] = unlogged_.try_emplace(leaf.key, leaf.change);
    if (!first) at->second.now = leaf.change.now;
  }
  staged_.clear();
  overlay_.clear();
  before_piece_ = 0;
  if (key.size() != crypto_auth_hmacsha256_KEYBYTES) return fail(Errc::invalid, "the key has the wrong size");
  CARDEA_TRY(auto scan, this->scan(db, &key));
  if (const auto foreign = foreign_schema(db)) scan.findings.broken = *foreign;
  if (!scan.findings.broken.empty()) return scan.findings;
  scan.findings.begun = scan.tree.size() == 0;

  std::unordered_map<std::string, Group> groups;
  std::unordered_map<std::string, std::string> cards;
  std::vector<std::pair<std::string, Touched>> to_log;
  for (const auto& [row_key, row] : scan.rows) {
    auto& group = groups[row.group];
    group.rows[row_key] = row.hash;
    group.last = std::max(group.last, row.leaf);
  }
  compare_rows(db, scan, [&](const std::string& row_key, const Touched& change) {
    if (!change.card_id.empty()) cards[change.card_id] = change.group;
    if (change.before == change.now) {
      // Rows that are never compared again need no place in memory.
      if (!change.kept) groups.erase(change.group);
      return;
    }
    const auto own = unlogged_.find(row_key);
    const bool ours =
        own != unlogged_.end() && own->second.before == change.before && own->second.now == change.now;
    if (scan.findings.begun || upgraded || ours) {
      to_log.emplace_back(row_key, change);
    } else {
      scan.findings.problems.push_back(sentence(row_key, change.before.has_value(), change.now.has_value()));
    }
  });
  {
    const std::unique_lock lock{mutex_};
    key_ = key.clone();
    intact_ = scan.findings.problems.empty();
    schema_ = schema_version(db);
    tree_ = std::move(scan.tree);
    last_tag_ = scan.last;
    groups_ = std::move(groups);
    cards_ = std::move(cards);
    unlogged_.clear();
  }
  for (const auto& [row_key, change] : to_log)
    CARDEA_CHECK(write_leaf(row_key, change));
  return scan.findings;
}

Result<Findings> ChangeLog::verify(Connection& db, std::uint64_t at_least) const {
  if (!on()) return fail(Errc::unavailable, "the database is not protected yet");
  CARDEA_TRY(auto scan, this->scan(db, &*key_));
  if (!scan.findings.broken.empty()) return scan.findings;
  if (const auto foreign = foreign_schema(db)) scan.findings.broken = *foreign;
  if (scan.tree.size() < at_least) {
    scan.findings.broken = "table change_log ends before row number=" + std::to_string(scan.tree.size());
    return scan.findings;
  }
  compare_rows(db, scan, [&scan](const std::string& key, const Touched& change) {
    if (change.before == change.now) return;
    scan.findings.problems.push_back(sentence(key, change.before.has_value(), change.now.has_value()));
  });
  return scan.findings;
}

Result<bool> ChangeLog::fits(Connection& db) const {
  if (!had_log_) return true;
  CARDEA_TRY(auto scan, this->scan(db, nullptr));
  bool fits = scan.findings.broken.empty();
  compare_rows(db, scan, [&fits](const std::string&, const Touched& change) {
    fits = fits && change.before == change.now;
  });
  return fits;
}

bool ChangeLog::on() const {
  const std::shared_lock lock{mutex_};
  return key_.has_value();
}

bool ChangeLog::intact() const {
  const std::shared_lock lock{mutex_};
  return intact_;
}

void ChangeLog::refuse(const std::string& reason) {
  const std::unique_lock lock{mutex_};
  refused_ = reason;
}

std::string ChangeLog::refused() const {
  const std::shared_lock lock{mutex_};
  return refused_;
}

void ChangeLog::hold(const std::string& reason) {
  const std::unique_lock lock{mutex_};
  held_ = reason;
}

std::string ChangeLog::held() const {
  const std::shared_lock lock{mutex_};
  return held_;
}

void ChangeLog::alarm(Alarm alarm) {
  const std::unique_lock lock{mutex_};
  const bool known = std::ranges::find(alarms_, alarm) != alarms_.end();
  if (!known && alarms_.size() < 1000) alarms_.push_back(std::move(alarm));
}

std::vector<Alarm> ChangeLog::alarms() {
  const std::unique_lock lock{mutex_};
  return std::exchange(alarms_, {});
}

LogHead ChangeLog::head() const {
  const std::shared_lock lock{mutex_};
  return {tree_.size(), tree_.root()};
}

std::vector<LoggedRow> ChangeLog::rows_of(Connection& db, const Table& table, const std::string& value,
                                          Bytes& scratch) {
  std::vector<LoggedRow> found;
  auto rows = db.query(table.of_together.c_str(), value);
  while (rows.step())
    found.push_back(logged_at(table, rows, scratch));
  return found;
}

ChangeLog::Asked ChangeLog::one_row(Connection& db, const Table& table, const RowName& name, Bytes& scratch) {
  const auto column = std::ranges::find(table.columns, true, &Table::Column::key);
  Asked asked;
  std::visit(
      [&](const auto& key) {
        const auto group = audit::encode_key({table.name, {{column->name, key, true}}});
        asked.group.assign(group.begin(), group.end());
        auto row = db.query(table.by_key.c_str(), key);
        if (row.step()) asked.found.push_back(logged_at(table, row, scratch));
      },
      name.second);
  return asked;
}

std::optional<std::string> ChangeLog::difference(const Rows& right, const std::vector<LoggedRow>& found) {
  std::vector<const std::string*> seen;
  seen.reserve(found.size());
  for (const auto& row : found) {
    const auto at = right.find(row.key);
    const bool known = at != right.end();
    if (!known || at->second != row.hash) return sentence(row.key, known, true);
    seen.push_back(&at->first);
  }
  std::ranges::sort(seen);
  if (const auto twice = std::ranges::adjacent_find(seen); twice != seen.end())
    return sentence(**twice, false, true);
  if (seen.size() == right.size()) return std::nullopt;
  for (const auto& [key, hash] : right)
    if (!std::ranges::binary_search(seen, &key)) return sentence(key, true, false);
  return std::nullopt;
}

ChangeLog::Comparison ChangeLog::compare(Connection& db, const std::string& card,
                                         const RowNames& others) const {
  std::uint64_t size = 0;
  {
    auto last = db.query("SELECT coalesce(max(number) + 1, 0) FROM change_log");
    last.step();
    size = last.count(0);
  }
  // What the file says.
  std::vector<Asked> asked;
  std::string group;
  Bytes scratch;
  auto single = others;
  if (!card.empty()) {
    single.emplace_back("freezes", card);
    const auto& cards = *table("cards");
    auto row = db.query(cards.by_id.c_str(), card);
    if (row.step()) {
      const auto values = row_at(cards, row);
      group = logged_at(cards, row, scratch).group;
      for (const auto& column : values.columns) {
        const auto* text = std::get_if<std::string>(&column.value);
        if (text == nullptr) continue;
        if (column.name == "holder") single.emplace_back("people", *text);
        if (column.name != "organisation") continue;
        single.emplace_back("organisations", *text);
        for (const auto& table : tables_)
          if (table.together)
            asked.push_back({group_of_value(table.name, *text), rows_of(db, table, *text, scratch)});
      }
    }
  }
  if (group.empty()) {
    // A card whose own row is gone, or has another name now.
    const std::shared_lock lock{mutex_};
    if (const auto known = cards_.find(card); known != cards_.end()) group = known->second;
  }
  if (const auto number = card_of(group)) {
    std::vector<LoggedRow> found;
    for (const auto& table : tables_) {
      if (!table.card) continue;
      auto rows = db.query(table.of_card.c_str(), *number);
      while (rows.step())
        found.push_back(logged_at(table, rows, scratch));
    }
    asked.push_back({group, std::move(found)});
  }
  for (const auto& name : single)
    asked.push_back(one_row(db, *table(name.first), name, scratch));

  // What it should say.
  const std::shared_lock lock{mutex_};
  if (!refused_.empty()) return {Outcome::different, refused_, size};
  if (!key_) return {};
  if (size > tree_.size())
    return {Outcome::too_early, "table change_log has more rows than the server wrote", size};
  for (const auto& part : asked) {
    const auto at = groups_.find(part.group);
    static const Group kNone;
    const auto& right = at == groups_.end() ? kNone : at->second;
    if (right.last >= size && !right.rows.empty()) {
      return {Outcome::too_early, "table change_log has fewer rows than the server wrote", size};
    }
    if (auto what = difference(right.rows, part.found)) return {Outcome::different, *std::move(what), size};
  }
  return {};
}

}  // namespace cardea::store

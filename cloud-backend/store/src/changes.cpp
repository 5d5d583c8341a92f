#include "changes.h"

#include <algorithm>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

/// A reader that meets a commit on its way looks again.
constexpr int kLooks = 20;

/// A moment of the file for as long as it lives.
class Moment {
 public:
  explicit Moment(Connection& db) : db_{db} { db_.run("BEGIN"); }
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;
  ~Moment() {
    try {
      db_.run("COMMIT");
    } catch (const SQLite::Exception&) {
      return;  // nothing was written
    }
  }

 private:
  Connection& db_;
};

}  // namespace

Result<Findings> SqliteChanges::protect(const SecretBytes& key) {
  Findings findings;
  CARDEA_CHECK(database_.write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(findings, log_.protect(db, key, upgraded_));
    return {};
  }));
  // What was read before nobody has compared.
  database_.live_cards().forget_all();
  for (const auto& problem : findings.problems)
    log_.alarm({{}, problem});
  if (!findings.broken.empty()) log_.refuse(findings.broken);
  return findings;
}

SqliteChanges::Subject SqliteChanges::opened_by(const std::string& card, const std::string& device) {
  Subject subject{card, {}};
  if (!device.empty()) subject.others.emplace_back("devices", device);
  return subject;
}

Result<void> SqliteChanges::not_held() const {
  if (auto held = log_.held(); !held.empty() && log_.refused().empty())
    return fail(Errc::unavailable, std::move(held));
  return {};
}

tl::unexpected<Error> SqliteChanges::different(const Subject& subject, const std::string& what, bool told) {
  if (!told && log_.refused().empty()) log_.alarm({subject.card, what});
  return fail(Errc::corrupt, subject.card.empty() ? what : "card " + subject.card + " is frozen: " + what);
}

Result<void> SqliteChanges::read_compared(const Subject& subject, const Reading& read) {
  ChangeLog::Comparison last;
  std::string frozen;
  for (int look = 0; look < kLooks; ++look) {
    Result<void> done;
    frozen.clear();
    auto looked = database_.read([&](Connection& db) -> Result<ChangeLog::Comparison> {
      const Moment moment{db};
      {
        auto row = db.query("SELECT reason FROM freezes WHERE card = ?", subject.card);
        if (row.step()) frozen = row.text(0);
      }
      // A frozen card is refused as it is; only that the freeze itself was touched is news.
      if (!frozen.empty() && !subject.even_frozen) return log_.compare(db, {}, {{"freezes", subject.card}});
      if (read) done = read(db);
      return log_.compare(db, subject.card, subject.others);
    });
    if (!looked) return tl::unexpected{std::move(looked).error()};
    last = *std::move(looked);
    if (last.outcome == ChangeLog::Outcome::same) {
      if (frozen.empty() || subject.even_frozen) return done;
      return fail(Errc::corrupt, "card " + subject.card + " is frozen: " + frozen);
    }
    if (last.outcome == ChangeLog::Outcome::different) break;
    log_.wait_for_commit(last.size);
  }
  return different(subject, last.what, subject.even_frozen && !frozen.empty());
}

Result<void> SqliteChanges::check_card(const std::string& card, const std::string& device) {
  CARDEA_CHECK(not_held());
  return read_compared(opened_by(card, device), {});
}

Result<CardRow> SqliteChanges::checked_card(const std::string& card, const std::string& device) {
  CARDEA_CHECK(not_held());
  CardRow row;
  CARDEA_CHECK(read_compared(opened_by(card, device), [&](Connection& db) -> Result<void> {
    CARDEA_TRY(row, read_card(db, card));
    return {};
  }));
  return row;
}

Result<Device> SqliteChanges::checked_device(const std::string& id) {
  if (!log_.refused().empty()) return database_.device(id);
  Device row;
  CARDEA_CHECK(read_compared({{}, {{"devices", id}}}, [&](Connection& db) -> Result<void> {
    CARDEA_TRY(row, read_device(db, id));
    return {};
  }));
  return row;
}

Result<Findings> SqliteChanges::verify() {
  const auto committed = log_.with_tree([](const audit::Tree& tree) { return tree.size(); });
  return database_.read([&](Connection& db) -> Result<Findings> {
    const Moment moment{db};
    return log_.verify(db, committed);
  });
}

Result<void> SqliteChanges::freeze(const std::string& card, const Freeze& freeze) {
  return database_.write([&](Connection& db) -> Result<void> {
    db.run("INSERT INTO freezes (card, reason, at) VALUES (?, ?, ?) ON CONFLICT (card) DO NOTHING", card,
           freeze.reason, freeze.at);
    return {};
  });
}

Result<void> SqliteChanges::thaw(const std::string& card) {
  return database_.write([&](Connection& db) -> Result<void> {
    if (db.run("DELETE FROM freezes WHERE card = ?", card) == 0) {
      return fail(Errc::not_found, "card " + card + " is not frozen");
    }
    return {};
  });
}

Result<std::optional<Freeze>> SqliteChanges::frozen(const std::string& card) {
  return database_.read([&](Connection& db) -> Result<std::optional<Freeze>> {
    auto row = db.query("SELECT reason, at FROM freezes WHERE card = ?", card);
    if (!row.step()) return std::optional<Freeze>{};
    return std::optional{Freeze{row.text(0), row.time(1)}};
  });
}

audit::Tree::Reader SqliteChanges::leaves() {
  return [this](std::uint64_t first, std::uint64_t count) {
    return database_.read([&](Connection& db) -> Result<std::vector<audit::Hash>> {
      std::vector<audit::Hash> hashes;
      auto rows = db.query("SELECT hash FROM change_log WHERE number >= ? AND number < ? ORDER BY number",
                           static_cast<std::int64_t>(first), static_cast<std::int64_t>(first + count));
      while (rows.step()) {
        const auto octets = rows.blob(0);
        audit::Hash hash{};
        if (octets.size() != hash.size()) return fail(Errc::corrupt, "a leaf of the log has the wrong size");
        std::ranges::copy(octets, hash.begin());
        hashes.push_back(hash);
      }
      return hashes;
    });
  };
}

Result<audit::Hash> SqliteChanges::root(std::uint64_t size) {
  return log_.with_tree([&](const audit::Tree& tree) { return tree.root(size, leaves()); });
}

Result<audit::Proof> SqliteChanges::inclusion(std::uint64_t leaf, std::uint64_t size) {
  return log_.with_tree([&](const audit::Tree& tree) { return tree.inclusion(leaf, size, leaves()); });
}

Result<audit::Proof> SqliteChanges::consistency(std::uint64_t older, std::uint64_t size) {
  return log_.with_tree([&](const audit::Tree& tree) { return tree.consistency(older, size, leaves()); });
}

Result<void> SqliteChanges::keep_checkpoint(std::uint64_t size, const std::string& note) {
  return database_.write([&](Connection& db) -> Result<void> {
    db.run("DELETE FROM checkpoints");
    db.run("INSERT INTO checkpoints (size, note) VALUES (?, ?)", static_cast<std::int64_t>(size), note);
    return {};
  });
}

Result<std::optional<std::string>> SqliteChanges::checkpoint() {
  return database_.read([](Connection& db) -> Result<std::optional<std::string>> {
    auto row = db.query("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1");
    if (!row.step()) return std::optional<std::string>{};
    return std::optional{row.text(0)};
  });
}

Result<LoggedLine> SqliteChanges::line(std::uint64_t audit_number) {
  const auto* table = log_.table("audit");
  const auto number = static_cast<std::int64_t>(audit_number);
  const auto key = audit::encode_key({"audit", {{"number", number, true}}});
  return database_.read([&](Connection& db) -> Result<LoggedLine> {
    LoggedLine line;
    {
      SQLite::Statement statement{db.raw(), table->all + " WHERE number = ?"};
      const Query row{statement, number};
      if (!statement.executeStep()) {
        return fail(Errc::not_found, "there is no audit line " + std::to_string(audit_number));
      }
      line.entry = audit::encode_row(row_at(*table, row));
    }
    auto leaf = db.query("SELECT number FROM change_log WHERE row_key = ? LIMIT 1", BytesView{key});
    if (!leaf.step()) {
      return fail(Errc::not_found,
                  "audit line " + std::to_string(audit_number) + " is not in the log of changes");
    }
    line.leaf = leaf.count(0);
    return line;
  });
}

}  // namespace cardea::store

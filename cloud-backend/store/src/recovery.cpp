#include <chrono>
#include <string>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

constexpr std::size_t kNameSize = 32;
constexpr std::chrono::hours kDay{24};

constexpr const char* kLink =
    "SELECT hash, (SELECT id FROM cards WHERE number = card), actor, created_at, expires_at, attempts, "
    "ended_at, assisted "
    "FROM recovery_links WHERE hash = ?";

RecoveryLink link_of(const Query& row) {
  RecoveryLink link;
  link.hash = row.blob(0);
  link.card = row.text(1);
  link.actor = row.text(2);
  link.created_at = row.time(3);
  link.expires_at = row.time(4);
  link.attempts = static_cast<unsigned>(row.integer(5));
  link.ended_at = row.optional_time(6);
  link.assisted = row.integer(7) != 0;
  return link;
}

Result<RecoveryLink> open_link(Connection& db, const Bytes& hash, Time now) {
  auto row = db.query(kLink, BytesView{hash});
  if (!row.step()) return fail(Errc::not_found, "the recovery link is unknown or was used already");
  auto link = link_of(row);
  if (link.ended_at) return fail(Errc::not_found, "the recovery link is unknown or was used already");
  if (link.expires_at <= now) return fail(Errc::denied, "the recovery link has expired");
  return link;
}

Result<std::int64_t> number_of(Connection& db, const std::string& card) {
  auto row = db.query("SELECT number FROM cards WHERE id = ?", card);
  if (!row.step()) return fail(Errc::not_found, "there is no card " + card);
  return row.integer(0);
}

}  // namespace

Result<void> SqliteDatabase::set(const std::string& card, const RecoveryAnswers& row) {
  for (const auto& question : row.questions)
    CARDEA_CHECK(rule::not_empty(question, "a question"));
  return write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto number, number_of(db, card));
    db.run(
        "INSERT OR REPLACE INTO recovery_answers (card, nonce, ksf, copy_01, copy_02, copy_12, question_0, "
        "question_1, question_2, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        number, BytesView{row.nonce}, BytesView{row.ksf}, BytesView{row.copies[0]}, BytesView{row.copies[1]},
        BytesView{row.copies[2]}, row.questions[0], row.questions[1], row.questions[2], row.created_at);
    return {};
  });
}

Result<RecoveryAnswers> SqliteDatabase::recovery_answers(const std::string& card) {
  return read([&card](Connection& db) -> Result<RecoveryAnswers> {
    auto row = db.query(
        "SELECT nonce, ksf, copy_01, copy_02, copy_12, question_0, question_1, question_2, created_at "
        "FROM recovery_answers WHERE card = (SELECT number FROM cards WHERE id = ?)",
        card);
    if (!row.step()) return fail(Errc::not_found, "the card's holder has left no answers");
    return RecoveryAnswers{row.blob(0),
                           row.blob(1),
                           {row.blob(2), row.blob(3), row.blob(4)},
                           {row.text(5), row.text(6), row.text(7)},
                           row.time(8)};
  });
}

Result<void> SqliteDatabase::set(const std::string& card, const std::vector<RecoveryCode>& codes) {
  for (const auto& code : codes) {
    if (code.name.size() != kNameSize) return fail(Errc::invalid, "a code's name is not 32 octets long");
  }
  return write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto number, number_of(db, card));
    db.run("DELETE FROM recovery_codes WHERE card = ?", number);
    for (const auto& code : codes) {
      if (db.exists("SELECT 1 FROM recovery_codes WHERE card = ? AND name = ?", number,
                    BytesView{code.name})) {
        return fail(Errc::invalid, "a code stands twice in the list");
      }
      db.run("INSERT INTO recovery_codes (card, name, copy) VALUES (?, ?, ?)", number, BytesView{code.name},
             BytesView{code.copy});
    }
    return {};
  });
}

Result<std::size_t> SqliteDatabase::recovery_codes(const std::string& card) {
  return read([&card](Connection& db) -> Result<std::size_t> {
    auto row = db.query(
        "SELECT count(*) FROM recovery_codes WHERE card = (SELECT number FROM cards WHERE id = ?) "
        "AND used_at IS NULL",
        card);
    row.step();
    return static_cast<std::size_t>(row.count(0));
  });
}

Result<Bytes> SqliteDatabase::recovery_copy(const std::string& card, const Bytes& name) {
  return read([&](Connection& db) -> Result<Bytes> {
    auto row = db.query(
        "SELECT copy FROM recovery_codes WHERE card = (SELECT number FROM cards WHERE id = ?) AND name = ? "
        "AND used_at IS NULL",
        card, BytesView{name});
    if (!row.step()) return fail(Errc::not_found, "the recovery code is unknown or was used already");
    return row.blob(0);
  });
}

Result<void> SqliteDatabase::set_half(const std::string& card, const std::string& device, const Bytes& copy) {
  return write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto number, number_of(db, card));
    db.run("INSERT OR REPLACE INTO recovery_halves (card, device, copy) VALUES (?, ?, ?)", number, device,
           BytesView{copy});
    return {};
  });
}

Result<Bytes> SqliteDatabase::recovery_half(const std::string& card, const std::string& device) {
  return read([&](Connection& db) -> Result<Bytes> {
    auto row = db.query(
        "SELECT copy FROM recovery_halves WHERE card = (SELECT number FROM cards WHERE id = ?) AND device = "
        "?",
        card, device);
    if (!row.step()) return fail(Errc::not_found, "the device has no half of this card");
    return row.blob(0);
  });
}

Result<std::size_t> SqliteDatabase::recovery_halves(const std::string& card) {
  return read([&card](Connection& db) -> Result<std::size_t> {
    auto row = db.query(
        "SELECT count(*) FROM recovery_halves WHERE card = (SELECT number FROM cards WHERE id = ?) "
        "AND device IN (SELECT id FROM devices WHERE revoked_at IS NULL)",
        card);
    row.step();
    return static_cast<std::size_t>(row.count(0));
  });
}

Result<void> SqliteDatabase::add(const RecoveryLink& row, std::size_t most_a_day) {
  if (row.hash.size() != kNameSize)
    return fail(Errc::invalid, "a recovery link's hash is not 32 octets long");
  return write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto number, number_of(db, row.card));
    const Time yesterday = row.created_at - kDay;
    db.run("DELETE FROM recovery_links WHERE created_at <= ?", yesterday);
    {
      auto made = db.query("SELECT count(*) FROM recovery_links WHERE card = ?", number);
      made.step();
      if (made.count(0) >= most_a_day) {
        return fail(Errc::exhausted, "the card got " + std::to_string(most_a_day) + " recovery links today");
      }
    }
    // A new link takes the place of those before it.
    db.run("UPDATE recovery_links SET ended_at = ? WHERE card = ? AND ended_at IS NULL", row.created_at,
           number);
    db.run(
        "INSERT INTO recovery_links (hash, card, actor, created_at, expires_at, attempts, assisted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        BytesView{row.hash}, number, row.actor, row.created_at, row.expires_at, std::int64_t{row.attempts},
        std::int64_t{row.assisted ? 1 : 0});
    return {};
  });
}

Result<RecoveryLink> SqliteDatabase::recovery_link(const Bytes& hash, Time now) {
  return read([&](Connection& db) { return open_link(db, hash, now); });
}

Result<RecoveryLink> SqliteDatabase::spend_recovery_attempt(const Bytes& hash, Time now) {
  RecoveryLink link;
  CARDEA_CHECK(write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(link, open_link(db, hash, now));
    if (link.attempts == 0) return fail(Errc::exhausted, "the recovery link has no attempts left");
    --link.attempts;
    db.run("UPDATE recovery_links SET attempts = attempts - 1 WHERE hash = ?", BytesView{hash});
    return {};
  }));
  return link;
}

Result<void> SqliteDatabase::end_recovery(const Bytes& hash, const std::optional<Bytes>& code, Time now) {
  return write([&](Connection& db) { return end_link(db, {hash, code, now}); });
}

Result<void> end_link(Connection& db, const RecoveryEnd& end) {
  CARDEA_TRY(const auto link, open_link(db, end.link, end.now));
  db.run("UPDATE recovery_links SET ended_at = ? WHERE hash = ?", end.now, BytesView{end.link});
  if (!end.code) return {};
  CARDEA_TRY(const auto number, number_of(db, link.card));
  if (db.run("UPDATE recovery_codes SET used_at = ? WHERE card = ? AND name = ? AND used_at IS NULL", end.now,
             number, BytesView{*end.code}) == 0) {
    return fail(Errc::conflict, "the recovery code was used already");
  }
  return {};
}

}  // namespace cardea::store

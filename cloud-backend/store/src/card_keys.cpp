// Master keys of cards' keys.

#include "key_ledger.h"
#include "sqlite_database.h"

namespace cardea::store {

namespace {

constexpr std::size_t kMasters = 3;

/// One of the three columns, or nothing.
std::optional<BytesView> master(const std::vector<Bytes>& masters, std::size_t i) {
  return i < masters.size() ? std::optional{BytesView{masters[i]}} : std::nullopt;
}

CardKeysRow card_keys_of(const Query& row) {
  CardKeysRow out;
  out.organisation = row.text(0);
  out.number = row.count(1);
  out.key_version = static_cast<std::uint8_t>(row.integer(2));
  out.protocol = static_cast<std::uint8_t>(row.integer(3));
  out.options = static_cast<std::uint8_t>(row.integer(4));
  out.scheme = static_cast<std::uint8_t>(row.integer(5));
  out.algorithm = static_cast<card::Algorithm>(row.integer(6));
  out.parts = static_cast<unsigned>(row.integer(7));
  out.imported = row.integer(8) != 0;
  out.check_values = row.blob(9);
  for (int column = 10; column < 13; ++column) {
    if (!row.null(column)) out.masters.push_back(row.blob(column));
  }
  out.made_at = row.time(13);
  out.retired_at = row.optional_time(14);
  return out;
}

}  // namespace

Result<void> SqliteKeyLedger::add(const CardKeysRow& row) {
  if (row.masters.size() != 1 && row.masters.size() != kMasters)
    return fail(Errc::invalid, "an organisation has one master key for its cards, or three");
  return database_.write([&](Connection& db) -> Result<void> {
    CARDEA_CHECK(rule::organisation_exists(db, row.organisation));
    if (db.exists("SELECT 1 FROM card_keys WHERE organisation = ? AND retired_at IS NULL", row.organisation))
      return fail(Errc::conflict, "the organisation has card keys in use: retire them first");
    if (db.exists("SELECT 1 FROM card_keys WHERE organisation = ? AND number = ?", row.organisation,
                  static_cast<std::int64_t>(row.number)))
      return fail(Errc::conflict, "somebody else was about to make card keys: try again");
    db.run(
        "INSERT INTO card_keys (organisation, number, key_version, protocol, options, scheme, algorithm, "
        "parts, imported, check_values, master_1, master_2, master_3, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?)",
        row.organisation, static_cast<std::int64_t>(row.number), std::int64_t{row.key_version},
        std::int64_t{row.protocol}, std::int64_t{row.options}, std::int64_t{row.scheme},
        static_cast<std::int64_t>(row.algorithm), std::int64_t{row.parts}, std::int64_t{row.imported ? 1 : 0},
        BytesView{row.check_values}, master(row.masters, 0), master(row.masters, 1), master(row.masters, 2),
        row.made_at);
    return {};
  });
}

Result<std::vector<CardKeysRow>> SqliteKeyLedger::card_keys(const std::string& organisation) {
  return database_.read([&](Connection& db) -> Result<std::vector<CardKeysRow>> {
    std::vector<CardKeysRow> out;
    auto rows = db.query(
        "SELECT organisation, number, key_version, protocol, options, scheme, algorithm, parts, imported, "
        "check_values, master_1, master_2, master_3, made_at, retired_at FROM card_keys WHERE organisation = "
        "? ORDER BY number DESC",
        organisation);
    while (rows.step())
      out.push_back(card_keys_of(rows));
    return out;
  });
}

Result<bool> SqliteKeyLedger::replace_masters(const CardKeysRow& expected,
                                              const std::vector<Bytes>& masters) {
  if (masters.size() != expected.masters.size() || masters.empty())
    return fail(Errc::invalid, "as many master keys as there were");
  bool replaced = false;
  CARDEA_CHECK(database_.write([&](Connection& db) -> Result<void> {
    replaced = db.run(
                   "UPDATE card_keys SET master_1 = ?, master_2 = ?, master_3 = ? WHERE organisation = ? "
                   "AND number = ? AND master_1 = ? AND master_2 IS ? AND master_3 IS ?",
                   master(masters, 0), master(masters, 1), master(masters, 2), expected.organisation,
                   static_cast<std::int64_t>(expected.number), master(expected.masters, 0),
                   master(expected.masters, 1), master(expected.masters, 2)) != 0;
    return {};
  }));
  return replaced;
}

Result<void> SqliteKeyLedger::retire_card_keys(const std::string& organisation, Time at) {
  return database_.write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE card_keys SET retired_at = ?, master_1 = NULL, master_2 = NULL, master_3 = NULL WHERE "
               "organisation = ? AND retired_at IS NULL",
               at, organisation) == 0) {
      return fail(Errc::not_found, "the organisation has no card keys in use");
    }
    return {};
  });
}

}  // namespace cardea::store

#include "key_ledger.h"

#include <algorithm>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

std::int64_t number(card::Algorithm algorithm) {
  return static_cast<std::int64_t>(algorithm);
}

/// number, organisation, algorithm, modulus, exponent, point, sealed, made_at
SpareKeyRow spare_of(const Query& row) {
  SpareKeyRow out;
  out.number = row.count(0);
  out.organisation = row.text(1);
  out.public_key.algorithm = static_cast<card::Algorithm>(row.integer(2));
  out.public_key.modulus = row.blob(3);
  out.public_key.exponent = row.blob(4);
  out.public_key.point = row.blob(5);
  out.sealed = row.blob(6);
  out.made_at = row.time(7);
  return out;
}

ResidentKeyRow resident_of(const Query& row) {
  ResidentKeyRow out;
  const auto id = row.blob(0);
  std::copy_n(id.begin(), std::min(id.size(), out.id.size()), out.id.begin());
  out.organisation = row.text(1);
  out.card = row.text(2);
  out.slot.reference = static_cast<std::uint8_t>(row.integer(3));
  out.slot.version = row.count(4);
  out.made_at = row.time(5);
  return out;
}

Result<std::optional<ResidentKeyRow>> resident_row(Connection& db, const std::array<std::uint8_t, 16>& id) {
  auto row =
      db.query("SELECT id, organisation, card, reference, version, made_at FROM resident_keys WHERE id = ?",
               BytesView{id});
  if (!row.step()) return std::optional<ResidentKeyRow>{};
  return std::optional{resident_of(row)};
}

// An organisation's use of the HSM.
#define CARDEA_RESIDENT_USE                                                                                \
  "SELECT o.id, (SELECT count(*) FROM resident_keys r WHERE r.organisation = o.id), o.resident_keys FROM " \
  "organisations o "
constexpr const char* kUseOfOne = CARDEA_RESIDENT_USE "WHERE o.id = ?";
constexpr const char* kUseOfAll = CARDEA_RESIDENT_USE "ORDER BY o.name";
#undef CARDEA_RESIDENT_USE

ResidentUse use_at(const Query& row) {
  ResidentUse use{row.text(0), static_cast<std::size_t>(row.integer(1)), std::nullopt};
  if (!row.null(2)) use.cap = static_cast<std::size_t>(row.integer(2));
  return use;
}

Result<ResidentUse> use_of(Connection& db, const std::string& organisation) {
  auto row = db.query(kUseOfOne, organisation);
  if (!row.step()) return fail(Errc::not_found, "there is no organisation " + organisation);
  return use_at(row);
}

}  // namespace

Result<KeyMode> SqliteKeyLedger::key_mode(const std::string& organisation) {
  return database_.read([&](Connection& db) -> Result<KeyMode> {
    auto row = db.query("SELECT key_mode FROM organisations WHERE id = ?", organisation);
    if (!row.step()) return fail(Errc::not_found, "there is no organisation " + organisation);
    return static_cast<KeyMode>(row.integer(0));
  });
}

Result<void> SqliteKeyLedger::set_key_mode(const std::string& organisation, KeyMode mode) {
  return database_.write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE organisations SET key_mode = ? WHERE id = ?", static_cast<std::int64_t>(mode),
               organisation) == 0) {
      return fail(Errc::not_found, "there is no organisation " + organisation);
    }
    return {};
  });
}

Result<void> SqliteKeyLedger::add(const SpareKeyRow& row) {
  return database_.write([&](Connection& db) -> Result<void> {
    CARDEA_CHECK(rule::organisation_exists(db, row.organisation));
    const auto& key = row.public_key;
    db.run(
        "INSERT INTO key_pool (organisation, algorithm, modulus, exponent, point, sealed, made_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        row.organisation, number(key.algorithm), BytesView{key.modulus}, BytesView{key.exponent},
        BytesView{key.point}, BytesView{row.sealed}, row.made_at);
    return {};
  });
}

Result<std::optional<SpareKeyRow>> SqliteKeyLedger::take(const std::string& organisation,
                                                         card::Algorithm algorithm) {
  std::optional<SpareKeyRow> taken;
  CARDEA_CHECK(database_.write([&](Connection& db) -> Result<void> {
    taken.reset();
    auto row = db.query(
        "DELETE FROM key_pool WHERE number = (SELECT min(number) FROM key_pool WHERE organisation = ? AND "
        "algorithm = ?) RETURNING number, organisation, algorithm, modulus, exponent, point, sealed, made_at",
        organisation, number(algorithm));
    if (row.step()) {
      taken = spare_of(row);
      // Stepped to its end: only then has the statement done all of its work.
      while (row.step()) {
      }
    }
    return {};
  }));
  return taken;
}

Result<std::vector<SpareCount>> SqliteKeyLedger::spare_counts() {
  return database_.read([](Connection& db) -> Result<std::vector<SpareCount>> {
    std::vector<SpareCount> out;
    auto rows = db.query(
        "SELECT organisation, algorithm, count(*) FROM key_pool GROUP BY organisation, algorithm "
        "ORDER BY organisation, algorithm");
    while (rows.step()) {
      out.push_back({rows.text(0), static_cast<card::Algorithm>(rows.integer(1)),
                     static_cast<std::size_t>(rows.integer(2))});
    }
    return out;
  });
}

Result<std::vector<SpareKeyRow>> SqliteKeyLedger::spares(const std::string& organisation) {
  return database_.read([&](Connection& db) -> Result<std::vector<SpareKeyRow>> {
    std::vector<SpareKeyRow> out;
    auto rows = db.query(
        "SELECT number, organisation, algorithm, modulus, exponent, point, sealed, made_at FROM key_pool "
        "WHERE organisation = ? ORDER BY number",
        organisation);
    while (rows.step())
      out.push_back(spare_of(rows));
    return out;
  });
}

Result<bool> SqliteKeyLedger::replace_spare(std::uint64_t row, const Bytes& sealed) {
  bool replaced = false;
  CARDEA_CHECK(database_.write([&](Connection& db) -> Result<void> {
    replaced = db.run("UPDATE key_pool SET sealed = ? WHERE number = ?", BytesView{sealed},
                      static_cast<std::int64_t>(row)) != 0;
    return {};
  }));
  return replaced;
}

Result<std::vector<KekVersionRow>> SqliteKeyLedger::kek_versions() {
  return database_.read([](Connection& db) -> Result<std::vector<KekVersionRow>> {
    std::vector<KekVersionRow> out;
    auto rows = db.query(
        "SELECT organisation, version, made_at, cursor, rewrapped, finished_at, retired_at FROM kek_versions "
        "ORDER BY organisation, version");
    while (rows.step()) {
      out.push_back({rows.text(0), static_cast<std::uint32_t>(rows.integer(1)), rows.time(2), rows.count(3),
                     rows.count(4), rows.optional_time(5), rows.optional_time(6)});
    }
    return out;
  });
}

Result<void> SqliteKeyLedger::add_kek_version(const std::string& organisation, std::uint32_t version,
                                              Time at) {
  return database_.write([&](Connection& db) -> Result<void> {
    CARDEA_CHECK(rule::organisation_exists(db, organisation));
    if (db.exists("SELECT 1 FROM kek_versions WHERE organisation = ? AND version = ?", organisation,
                  std::int64_t{version})) {
      return fail(Errc::conflict, "the organisation has this version of its keys already");
    }
    db.run("INSERT INTO kek_versions (organisation, version, made_at) VALUES (?, ?, ?)", organisation,
           std::int64_t{version}, at);
    return {};
  });
}

Result<void> SqliteKeyLedger::advance(const std::string& organisation, std::uint32_t version,
                                      std::uint64_t cursor, std::optional<Time> finished_at) {
  return database_.write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE kek_versions SET cursor = ?, finished_at = ? WHERE organisation = ? AND "
               "version = ?",
               static_cast<std::int64_t>(cursor), finished_at, organisation, std::int64_t{version}) == 0) {
      return fail(Errc::not_found, "the organisation has no such version of its keys");
    }
    return {};
  });
}

Result<void> SqliteKeyLedger::retire_below(const std::string& organisation, std::uint32_t version, Time at) {
  return database_.write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE kek_versions SET retired_at = ? WHERE organisation = ? AND version = ?", at,
               organisation, std::int64_t{version}) == 0) {
      return fail(Errc::not_found, "the organisation has no such version of its keys");
    }
    return {};
  });
}

Result<std::vector<KeyRecordRow>> SqliteKeyLedger::key_records(const std::string& organisation,
                                                               std::uint64_t after, std::size_t cards) {
  return database_.read([&](Connection& db) -> Result<std::vector<KeyRecordRow>> {
    std::vector<KeyRecordRow> out;
    auto rows = db.query(
        "SELECT c.number, c.id, r.id, r.value FROM (SELECT number, id FROM cards WHERE organisation = ? AND "
        "number > ? ORDER BY number LIMIT ?) c LEFT JOIN records r ON r.card = c.number AND r.space = ? "
        "ORDER BY c.number, r.id",
        organisation, static_cast<std::int64_t>(after), static_cast<std::int64_t>(cards),
        static_cast<std::int64_t>(card::RecordSpace::key));
    while (rows.step()) {
      KeyRecordRow row{rows.count(0), rows.text(1), 0, {}};
      if (!rows.null(2)) {
        row.id = static_cast<std::uint32_t>(rows.integer(2));
        row.value = rows.blob(3);
      }
      out.push_back(std::move(row));
    }
    return out;
  });
}

Result<bool> SqliteKeyLedger::replace_key_record(const KeyRecordRow& expected, const Bytes& value) {
  bool replaced = false;
  std::uint64_t generation = 0;
  const card::RecordId id{card::RecordSpace::key, expected.id};
  CARDEA_CHECK(database_.write(
      [&](Connection& db) -> Result<void> {
        replaced =
            db.run(
                "UPDATE records SET value = ? WHERE card = (SELECT number FROM cards WHERE id = ?) AND "
                "space = ? AND id = ? AND value = ?",
                BytesView{value}, expected.card, static_cast<std::int64_t>(id.space), std::int64_t{id.id},
                BytesView{expected.value}) != 0;
        if (!replaced) return {};
        CARDEA_TRY(generation, bump_generation(db, expected.card));
        // In the same transaction, so that the count is right whatever is killed when.
        db.run(
            "UPDATE kek_versions SET rewrapped = rewrapped + 1 WHERE organisation = (SELECT organisation "
            "FROM "
            "cards WHERE id = ?1) AND version = (SELECT max(v.version) FROM kek_versions v JOIN cards c ON "
            "c.organisation = v.organisation WHERE c.id = ?1)",
            expected.card);
        return {};
      },
      [&] {
        if (!replaced) return;
        const card::Change change{id, value};
        database_.live_cards().publish(expected.card, generation, {&change, 1});
      }));
  return replaced;
}

Result<ResidentUse> SqliteKeyLedger::reserve(const ResidentKeyRow& row, const ResidentCaps& caps) {
  ResidentUse use;
  CARDEA_CHECK(database_.write([&](Connection& db) -> Result<void> {
    std::size_t all = 0;
    {
      auto count = db.query("SELECT count(*) FROM resident_keys");
      count.step();
      all = static_cast<std::size_t>(count.integer(0));
    }
    CARDEA_TRY(use, use_of(db, row.organisation));
    // Its own first: that is what its administrator can do something about.
    const auto cap = use.cap.value_or(caps.organisation);
    if (use.keys >= cap) {
      return fail(Errc::exhausted, "the organisation has " + std::to_string(use.keys) +
                                       " resident keys in the HSM and may have " + std::to_string(cap) +
                                       ": cardea org set --resident-keys");
    }
    if (all >= caps.all) {
      return fail(Errc::exhausted, "the HSM holds " + std::to_string(all) +
                                       " resident keys and may hold no more: [vault] resident_keys");
    }
    db.run(
        "INSERT INTO resident_keys (id, organisation, card, reference, version, made_at) VALUES (?, ?, ?, ?, "
        "?, ?)",
        BytesView{row.id}, row.organisation, row.card, std::int64_t{row.slot.reference},
        static_cast<std::int64_t>(row.slot.version), row.made_at);
    ++use.keys;
    return {};
  }));
  return use;
}

Result<void> SqliteKeyLedger::release(const std::array<std::uint8_t, 16>& id) {
  return database_.write([&](Connection& db) -> Result<void> {
    db.run("DELETE FROM resident_keys WHERE id = ?", BytesView{id});
    return {};
  });
}

Result<std::vector<ResidentKeyRow>> SqliteKeyLedger::resident_keys() {
  return database_.read([](Connection& db) -> Result<std::vector<ResidentKeyRow>> {
    std::vector<ResidentKeyRow> out;
    auto rows = db.query("SELECT id, organisation, card, reference, version, made_at FROM resident_keys");
    while (rows.step())
      out.push_back(resident_of(rows));
    return out;
  });
}

Result<std::vector<ResidentKeyRow>> SqliteKeyLedger::resident_keys_of(const std::string& card) {
  return database_.read([&](Connection& db) -> Result<std::vector<ResidentKeyRow>> {
    std::vector<ResidentKeyRow> out;
    auto rows = db.query(
        "SELECT id, organisation, card, reference, version, made_at FROM resident_keys WHERE card = ?", card);
    while (rows.step())
      out.push_back(resident_of(rows));
    return out;
  });
}

Result<std::optional<ResidentKeyState>> SqliteKeyLedger::resident_key(
    const std::array<std::uint8_t, 16>& id) {
  CARDEA_CHECK(database_.sqlite_changes().not_held());
  // Says of which card it is: compared with the rest below.
  CARDEA_TRY(const auto seen, database_.read([&id](Connection& db) { return resident_row(db, id); }));
  if (!seen) return std::nullopt;
  std::optional<ResidentKeyState> out;
  CARDEA_CHECK(database_.sqlite_changes().read_compared(
      {seen->card, {{"resident_keys", to_bytes(id)}}}, [&](Connection& db) -> Result<void> {
        out.reset();
        CARDEA_TRY(auto row, resident_row(db, id));
        if (!row) return {};
        if (row->card != seen->card) return fail(Errc::conflict, "the resident key is another card's by now");
        out.emplace(ResidentKeyState{*std::move(row), std::nullopt});
        auto record = db.query(
            "SELECT value FROM records WHERE card = (SELECT number FROM cards WHERE id = ?) AND space = ? "
            "AND "
            "id = ?",
            out->row.card, static_cast<std::int64_t>(card::RecordSpace::key),
            std::int64_t{out->row.slot.reference});
        if (record.step()) out->record = record.blob(0);
        return {};
      }));
  return out;
}

Result<std::size_t> SqliteKeyLedger::resident_count() {
  return database_.read([](Connection& db) -> Result<std::size_t> {
    auto row = db.query("SELECT count(*) FROM resident_keys");
    row.step();
    return static_cast<std::size_t>(row.integer(0));
  });
}

Result<std::vector<ResidentUse>> SqliteKeyLedger::resident_use() {
  return database_.read([](Connection& db) -> Result<std::vector<ResidentUse>> {
    std::vector<ResidentUse> out;
    auto rows = db.query(kUseOfAll);
    while (rows.step())
      out.push_back(use_at(rows));
    return out;
  });
}

Result<ResidentUse> SqliteKeyLedger::resident_use(const std::string& organisation) {
  return database_.read([&organisation](Connection& db) { return use_of(db, organisation); });
}

Result<void> SqliteKeyLedger::set_resident_cap(const std::string& organisation,
                                               std::optional<std::size_t> cap) {
  std::optional<std::int64_t> number;
  if (cap) number = static_cast<std::int64_t>(*cap);
  return database_.write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE organisations SET resident_keys = ? WHERE id = ?", number, organisation) == 0) {
      return fail(Errc::not_found, "there is no organisation " + organisation);
    }
    return {};
  });
}

}  // namespace cardea::store

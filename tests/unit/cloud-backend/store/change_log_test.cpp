#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cardea/audit/row.h"
#include "connection.h"
#include "fixture.h"
#include "table_rows.h"

// Changes behind the server's back: made with a connection of their own, as somebody with the file would.

namespace cardea::store::test {

namespace {

SecretBytes key() {
  return SecretBytes{BytesView{Bytes(32, 0x5A)}};
}

std::vector<Table> tables(const std::filesystem::path& file) {
  Connection db{file, Access::read};
  return logged_tables(db);
}

/// A protected database with rows in every table that the interface can fill.
struct Protected : Furnished {
  /// `all`: also those that it cannot fill by itself, with rows of no meaning.
  explicit Protected(bool all = false) {
    if (all) fill_all();
    must(db->changes().protect(key()));
    must(db->add(Organisation{"other", "Other", at(1)}));
    must(db->add(Person{"bob", "org", "Bob", "bob@acme.example", at(3)}));
    auto second = a_card("second", 2);
    second.holder = "bob";
    must(db->add(second));
    must(db->assign("card", "ann"));
    for (const auto* card : {"card", "second"})
      fill(card);
    must(db->append(AuditRow{0, at(9), "org", "card", "device:d", "key.use", true, "{}"}));
    must(db->append(AuditRow{0, at(9), "org", "card", "device:d", "key.use", false, "{}"}));
    for (std::uint8_t n = 1; n < 3; ++n) {
      must(db->add(Device{
          "device" + std::to_string(n), "org", "ann", DeviceRole::user, "pc", Bytes(32, n), at(4), {}}));
      must(db->add(EnrolmentCode{Bytes(32, n), "org", "ann", DeviceRole::user, at(4), at(1'000'000)}));
    }
    must(db->changes().freeze("gone", {"a test", at(5)}));
    must(db->changes().freeze("gone too", {"a test", at(5)}));
  }

  void fill_all() {
    for (const auto& table : tables(directory / "cardea.db")) {
      for (int n = 1; n < 3; ++n) {
        std::string values;
        for (const auto& column : table.columns) {
          const bool card = table.card && &column == &table.columns[*table.card];
          values += (values.empty() ? "" : ", ") +
                    (card ? std::string{"1"}
                          : "(SELECT CASE type WHEN 'INTEGER' THEN " + std::to_string(n) +
                                " WHEN 'TEXT' THEN 'row" + std::to_string(n) + "' ELSE CAST('row" +
                                std::to_string(n) + "' AS BLOB) END FROM pragma_table_info('" + table.name +
                                "') WHERE name = '" + column.name + "')");
        }
        if (!known(table.name)) tamper("INSERT INTO " + table.name + " VALUES (" + values + ")");
      }
    }
  }
  /// Whether the interface fills it here.
  static bool known(const std::string& table) {
    static const std::set<std::string> kKnown{
        "audit",         "card_secrets", "cards",   "devices",          "enrolment_codes", "freezes",
        "organisations", "people",       "records", "recovery_answers", "recovery_codes",  "recovery_links"};
    return kKnown.contains(table);
  }

  void fill(const std::string& card) {
    const auto store = db->card_store(card);
    const card::Change changes[] = {{{card::RecordSpace::object, 1}, Bytes{1, 2, 3}},
                                    {{card::RecordSpace::object, 2}, Bytes{4, 5}}};
    must(store->commit(changes));
    must(db->set_secret(card, Bytes(32, 7), {{"pin", Bytes(95, 1)}, {"puk", Bytes(95, 2)}}));
    const auto mark = static_cast<std::uint8_t>(card.size());
    must(db->set(
        card,
        RecoveryAnswers{Bytes(16, 1), Bytes(9, 1), {Bytes{1}, Bytes{2}, Bytes{3}}, {"a", "b", "c"}, at(6)}));
    must(db->set(card, std::vector<RecoveryCode>{{Bytes(32, mark), Bytes{1}}, {Bytes(32, 9), Bytes{2}}}));
    must(db->add(RecoveryLink{Bytes(32, mark), card, "administrator", at(7), at(1'000'000), 5, {}}, 3));
  }

  /// What somebody does to the file.
  void tamper(const std::string& sql) {
    SQLite::Database file{(directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
    file.exec("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON");
    if (sql.starts_with("UPDATE OR IGNORE audit")) {
      file.exec(
          "DROP TRIGGER audit_appends_only; DROP TRIGGER audit_never_changes; DROP TRIGGER "
          "audit_never_shrinks");
    }
    file.exec(sql);
  }

  std::vector<std::string> problems() { return must(db->changes().verify()).problems; }
};

}  // namespace

TEST_CASE("[B8] every table of the schema is protected but the log itself") {
  Furnished it;
  std::set<std::string> all;
  SQLite::Database file{(it.directory / "cardea.db").string()};
  SQLite::Statement list{file,
                         "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"};
  while (list.executeStep())
    all.insert(list.getColumn(0).getString());
  for (const auto& table : tables(it.directory / "cardea.db")) {
    CHECK(all.erase(table.name) == 1);
    SQLite::Statement columns{file, "SELECT count(*) FROM pragma_table_xinfo('" + table.name + "')"};
    columns.executeStep();
    CHECK(static_cast<std::size_t>(columns.getColumn(0).getInt()) == table.columns.size());
  }
  CHECK(all == std::set<std::string>{"change_log", "checkpoints", "probe"});
}

TEST_CASE("[B8] each change of a row is one leaf, and what there is fits its log") {
  Protected it;
  CHECK(it.problems().empty());
  must(it.db->changes().check_card("card", "device1"));
  const auto before = it.db->changes().head();
  must(it.db->set_state("card", CardState::blocked));
  const auto after = it.db->changes().head();
  CHECK(after.size == before.size + 1);
  CHECK(must(it.db->changes().root(before.size)) == before.root);
  CHECK(audit::verify_consistency(before.size, after.size, before.root, after.root,
                                  must(it.db->changes().consistency(before.size, after.size))));
  must(it.db->set_state("card", CardState::blocked));  // as it was
  CHECK(it.db->changes().head().size == after.size);
}

TEST_CASE("[B8] a log that grows while it is verified is not taken for one that was cut") {
  Protected it;
  const std::jthread writer{[&](const std::stop_token& stop) {
    while (!stop.stop_requested())
      must(it.db->append(AuditRow{0, at(9), "org", {}, "server", "start", true, "{}"}));
  }};
  for (int i = 0; i < 50; ++i)
    CHECK(must(it.db->changes().verify()).broken == "");
}

TEST_CASE("[B8] work that fails leaves no leaf") {
  Protected it;
  const auto before = it.db->changes().head();
  CHECK_FALSE(it.db->add(Organisation{"third", "Acme", at(1)}).has_value());
  CHECK_FALSE(it.db->set_state("nobody", CardState::blocked).has_value());
  CHECK(it.db->changes().head().size == before.size);
  CHECK(it.problems().empty());
}

TEST_CASE("[B8] a deleted card leaves tombstones, and nothing to check") {
  Protected it;
  must(it.db->delete_card("second"));
  CHECK(it.problems().empty());
  it.reopen();
  CHECK(must(it.db->changes().protect(key())).problems.empty());
  must(it.db->changes().check_card("card", ""));
}

TEST_CASE("[B8] the log goes on after a restart, with changes that were made before the key was there") {
  Protected it;
  const auto before = it.db->changes().head();
  it.reopen();
  must(it.db->set_state("card", CardState::blocked));
  must(it.db->append(AuditRow{0, at(9), "org", {}, "server", "start", true, "{}"}));
  const auto found = must(it.db->changes().protect(key()));
  CHECK(found.problems.empty());
  CHECK_FALSE(found.begun);
  CHECK(it.db->changes().head().size == before.size + 2);
  CHECK(it.problems().empty());
  CHECK(it.db->changes().protect(key()).error().code == Errc::conflict);
}

TEST_CASE("[B8] every column of every table: a changed value is noticed, with table and row") {
  std::size_t cases = 0;
  Protected it;
  for (const auto& table : tables(it.directory / "cardea.db")) {
    for (const auto& column : table.columns) {
      Protected one{true};
      const auto name = "\"" + column.name + "\"";
      const auto first = " WHERE " + name + " IS (SELECT " + name + " FROM " + table.name + " LIMIT 1)";
      one.tamper(
          "UPDATE OR IGNORE " + table.name + " SET " + name + " = CASE typeof(" + name +
          ") WHEN 'integer' THEN " + name + " + 1000 WHEN 'text' THEN " + name +
          " || '~' WHEN 'blob' THEN CAST(" + name +
          " || x'00' AS BLOB) ELSE (SELECT CASE type WHEN 'TEXT' THEN 'x' WHEN 'BLOB' THEN x'01' ELSE 1 END "
          "FROM pragma_table_info('" +
          table.name + "') WHERE name = '" + column.name + "') END" + first);
      INFO(table.name << "." << column.name);
      const auto problems = one.problems();
      REQUIRE_FALSE(problems.empty());
      CHECK(problems.front().find("table " + table.name + ", row ") == 0);
      if (table.card && table.name != "cards")
        CHECK_FALSE(one.db->changes().check_card("card", "").has_value());
      ++cases;
    }
  }
  CHECK(cases > 100);
}

TEST_CASE("[B8] a card with a row that was changed, deleted, added or put back is refused") {
  struct Case {
    const char* sql;
    const char* sentence;
  };
  for (const auto& change :
       {Case{"UPDATE records SET value = x'00' WHERE id = 1",
             "table records, row card=1 id=1 space=1 was changed"},
        Case{"DELETE FROM records WHERE id = 2 AND card = 1",
             "table records, row card=1 id=2 space=1 was deleted"},
        Case{"INSERT INTO records VALUES (1, 1, 99, x'00')",
             "table records, row card=1 id=99 space=1 was added"},
        Case{"UPDATE records SET value = (SELECT value FROM records WHERE id = 2 AND card = 1) WHERE id = 1 "
             "AND card = 1",
             "table records, row card=1 id=1 space=1 was changed"},
        Case{"UPDATE cards SET state = 2 WHERE id = 'card'", "table cards, row number=1 was changed"},
        Case{"UPDATE cards SET id = 'elsewhere' WHERE id = 'card'", "table cards, row number=1 was changed"},
        Case{"UPDATE people SET email = 'eve@acme.example' WHERE id = 'ann'",
             "table people, row id=ann was changed"},
        Case{"UPDATE organisations SET escrow_key = zeroblob(32) WHERE id = 'org'",
             "table organisations, row id=org was changed"},
        Case{"UPDATE devices SET public_key = zeroblob(32)", "table devices, row id=device1 was changed"},
        Case{"DELETE FROM devices", "table devices, row id=device1 was deleted"},
        Case{"DELETE FROM recovery_codes WHERE name = "
             "x'0909090909090909090909090909090909090909090909090909090909090909'",
             "table recovery_codes, row card=1 "
             "name=0909090909090909090909090909090909090909090909090909090909090909 was deleted"}}) {
    INFO(change.sql);
    Protected it;
    it.tamper(change.sql);
    const auto refused = it.db->changes().check_card("card", "device1");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::corrupt);
    CHECK(refused.error().what.find(change.sentence) != std::string::npos);
    const auto alarms = it.db->changes().alarms();
    REQUIRE(alarms.size() == 1);
    CHECK(alarms[0].card == "card");
    // And the same after a restart.
    it.reopen();
    CHECK_FALSE(must(it.db->changes().protect(key())).problems.empty());
  }
}

TEST_CASE("[B8] the server writes nothing where somebody changed the schema") {
  Protected it;
  it.tamper("CREATE TABLE kept AS SELECT * FROM records; CREATE TABLE old_log AS SELECT * FROM change_log");
  const card::Change change{{card::RecordSpace::object, 1}, Bytes{9}};
  // The schema is not what it was: the server writes no more.
  CHECK(it.db->card_store("card")->commit(std::span{&change, 1}).error().code == Errc::corrupt);
}

TEST_CASE("[B8] a log that was cut or re-written is not the server's") {
  for (const auto* sql : {"DELETE FROM change_log WHERE number = 3",
                          "UPDATE change_log SET hash = zeroblob(32) WHERE number = 3",
                          "UPDATE change_log SET tag = zeroblob(32) WHERE number = 3",
                          "UPDATE change_log SET row_key = x'00' WHERE number = 3",
                          "UPDATE change_log SET card = 9 WHERE number = 3",
                          "DELETE FROM change_log WHERE number = (SELECT max(number) FROM change_log)"}) {
    INFO(sql);
    Protected it;
    it.tamper(sql);
    CHECK_FALSE(must(it.db->changes().verify()).broken.empty());
  }
  Protected it;
  it.tamper("DELETE FROM change_log WHERE number = 3");
  it.reopen();
  CHECK(must(it.db->changes().protect(key())).broken == "table change_log, row number=3 is not the server's");
  CHECK(it.db->changes().check_card("card", "").error().code == Errc::corrupt);
}

TEST_CASE("[B8] the server does not write over a row that somebody else changed") {
  Protected it;
  SQLite::Database file{(it.directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
  file.exec("UPDATE cards SET label = 'other' WHERE id = 'card'");
  const auto refused = it.db->set_state("card", CardState::blocked);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().what == "table cards, row number=1 was changed, and not by the server");
  must(it.db->set_state("second", CardState::blocked));
  const auto alarms = it.db->changes().alarms();
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].card == "card");
}

TEST_CASE("[B8] with another key the log is not the server's") {
  Protected it;
  it.reopen();
  CHECK(must(it.db->changes().protect(SecretBytes{BytesView{Bytes(32, 1)}})).broken ==
        "table change_log, row number=0 is not the server's");
}

TEST_CASE("[B8] a frozen card stays frozen until it is thawed") {
  Protected it;
  must(it.db->changes().freeze("card", {"a row was changed", at(8)}));
  CHECK_FAILS(it.db->changes().check_card("card", ""), Errc::corrupt,
              "card card is frozen: a row was changed");
  CHECK(must(it.db->changes().frozen("card"))->reason == "a row was changed");
  must(it.db->changes().thaw("card"));
  must(it.db->changes().check_card("card", ""));
  CHECK_FAILS(it.db->changes().thaw("card"), Errc::not_found, "card card is not frozen");
}

TEST_CASE("[F3] a line of the audit log is proved by its leaf") {
  Protected it;
  auto& changes = it.db->changes();
  const auto line = must(changes.line(2));
  const auto head = changes.head();
  CHECK(audit::verify_inclusion(audit::leaf_hash(line.entry), line.leaf, head.size,
                                must(changes.inclusion(line.leaf, head.size)), head.root));
  CHECK(changes.line(99).error().code == Errc::not_found);
}

}  // namespace cardea::store::test

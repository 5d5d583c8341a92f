#include <SQLiteCpp/Database.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "fixture.h"
#include "migrations.h"
#include "table_rows.h"

namespace cardea::store::test {

namespace {

unsigned mode_of(const std::filesystem::path& file) {
  struct ::stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

int pragma(const std::filesystem::path& file, const char* name) {
  SQLite::Database raw{file.string(), SQLite::OPEN_READONLY};
  return raw.execAndGet(std::string{"PRAGMA "} + name).getInt();
}

void set_version(const std::filesystem::path& file, int version) {
  SQLite::Database raw{file.string(), SQLite::OPEN_READWRITE};
  raw.exec("PRAGMA user_version = " + std::to_string(version));
}

/// A database as that version left it, with one card, number 1.
SQLite::Database of_version(const std::filesystem::path& file, int version) {
  SQLite::Database raw{file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  for (const auto& migration : migrations())
    if (migration.version <= version) raw.exec(migration.sql);
  raw.exec("PRAGMA application_id = " + std::to_string(kApplicationId) +
           "; PRAGMA user_version = " + std::to_string(version));
  raw.exec("INSERT INTO organisations (id, name, created_at) VALUES ('org', 'Acme', 5)");
  raw.exec(
      "INSERT INTO cards (number, id, organisation, profile, label, serial, state, created_at) "
      "VALUES (1, 'card', 'org', 'piv-nist', '', 1, 1, 5)");
  return raw;
}

SecretBytes log_key() {
  return SecretBytes{BytesView{Bytes(32, 0x5A)}};
}

/// The log of changes as the server of that version left it: a leaf for each row
/// (cloud-backend/audit/README.md).
void write_log(const std::filesystem::path& file) {
  Connection db{file, Access::write};
  const auto key = log_key();
  audit::Hash last{};
  std::int64_t number = 0;
  Bytes scratch;
  for (const auto& table : logged_tables(db)) {
    auto rows = db.query(table.all.c_str());
    while (rows.step()) {
      const auto row = logged_at(table, rows, scratch);
      const bool of_card = row.group == group_of_card(1);
      Bytes message = to_bytes(as_bytes("cardea-change/1"));
      append_be64(message, static_cast<std::uint64_t>(number));
      append(message, last);
      append(message, row.hash);
      message.push_back(of_card ? 1 : 0);
      if (of_card) append_be64(message, 1);
      append(message, as_bytes(row.key));
      crypto_auth_hmacsha256(last.data(), message.data(), message.size(), key.expose().data());
      db.run("INSERT INTO change_log (number, row_key, card, hash, tag) VALUES (?, ?, ?, ?, ?)", number++,
             BytesView{as_bytes(row.key)}, of_card ? std::optional{std::int64_t{1}} : std::nullopt,
             BytesView{row.hash}, BytesView{last});
    }
  }
}

/// Two organisations with a person and an identifier each, from when identifiers were unique on the server.
void make_version_11(const std::filesystem::path& file) {
  {
    auto raw = of_version(file, 11);
    raw.exec("INSERT INTO organisations (id, name, created_at) VALUES ('org-b', 'Blue', 5)");
    raw.exec(
        "INSERT INTO people (id, organisation, name, email, created_at) VALUES "
        "('ann', 'org', 'Ann', '', 5), ('bea', 'org-b', 'Bea', '', 5)");
    raw.exec(
        "INSERT INTO person_identifiers (kind, value, organisation, person) VALUES "
        "('uid', '1', 'org', 'ann'), ('upn', 'ann@corp', 'org', 'ann'), ('uid', '2', 'org-b', 'bea')");
  }
  write_log(file);
}

}  // namespace

TEST_CASE("a new database is the owner's alone and says whose it is and how new") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  const auto db = open(file);
  must(db->check());
  CHECK(mode_of(file) == 0600);
  CHECK(mode_of(directory / "cardea.db-wal") == 0600);
  CHECK(mode_of(directory / "cardea.db.lock") == 0600);
  CHECK(pragma(file, "application_id") == kApplicationId);
  CHECK(pragma(file, "user_version") == migrations().back().version);
}

TEST_CASE("a second opener is refused with the number of the first process, until that has closed it") {
  TempDir directory;
  auto db = open(directory / "cardea.db");
  const auto lock = (directory / "cardea.db.lock").string();
  CHECK_FAILS(Database::open({directory / "cardea.db"}), Errc::conflict,
              "the database is in use by process " + std::to_string(::getpid()) + " (" + lock + ")");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = Database::open({directory / "cardea.db"});
    ::_exit(!second && second.error().code == Errc::conflict ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  db.reset();
  open(directory / "cardea.db");
}

TEST_CASE("a database of the first version is brought up to date and keeps what is in it") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  {
    SQLite::Database raw{file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    raw.exec(migrations().front().sql);
    raw.exec("PRAGMA application_id = " + std::to_string(kApplicationId) + "; PRAGMA user_version = 1");
    raw.exec("INSERT INTO organisations VALUES ('o', 'Old', 5)");
  }
  const auto db = open(file);
  CHECK(must(db->organisation("Old")).id == "o");
  must(db->append({0, at(1), "o", std::nullopt, "server", "server.start", true, "{}"}));
  CHECK(must(db->audit({})).size() == 1);
  CHECK(pragma(file, "user_version") == migrations().back().version);
}

TEST_CASE("PINs from before proofs could come late keep their counters, and wait for none") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  {
    auto raw = of_version(file, 7);
    raw.exec(
        "INSERT INTO pins (card, ref, nonce, ksf, record, tries_max, spent, factory, version) "
        "VALUES (1, 128, zeroblob(16), zeroblob(9), zeroblob(192), 3, 1, 0, 4)");
  }
  const auto db = open(file);
  const auto records = db->pin_records("card");
  CHECK(must(records->status(card::PinRef::application)).tries_left == 2);
  CHECK_FALSE(must(records->refund(card::PinRef::application, {}, at(5))).match);
  CHECK(must(records->spend(card::PinRef::application, {4, {}, at(5)})).status.tries_left == 1);
  CHECK(must(records->refund(card::PinRef::application, {}, at(6))).status.tries_left == 3);
}

TEST_CASE(
    "[B8] PINs from before it was known who had chosen them stay as they were, in the log of changes too") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  {
    auto raw = of_version(file, 13);
    raw.exec(
        "INSERT INTO pins (card, ref, nonce, ksf, record, tries_max, factory, version) VALUES "
        "(1, 128, zeroblob(16), zeroblob(9), zeroblob(192), 3, 0, 4), "
        "(1, 129, zeroblob(16), zeroblob(9), zeroblob(192), 3, 1, 1)");
  }
  write_log(file);
  const auto db = open(file);
  const auto findings = must(db->changes().protect(log_key()));
  CHECK_FALSE(findings.begun);
  CHECK(findings.broken.empty());
  CHECK(findings.problems == std::vector<std::string>{});
  const auto again = must(db->changes().verify());
  CHECK(again.problems == std::vector<std::string>{});
  CHECK(again.leaves == findings.leaves);  // none was written anew
  const auto records = db->pin_records("card");
  CHECK_FALSE(must(records->status(card::PinRef::application)).must_change);
  CHECK(must(records->status(card::PinRef::puk)).must_change);  // everybody knows it
}

TEST_CASE("cards from before there was issuing are in use, and nobody asked for them") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  { const auto raw = of_version(file, 10); }
  const auto db = open(file);
  CHECK(must(db->card("card")).issuance == Issuance::none);
  CHECK_FALSE(must(db->card("card")).asked);
  CHECK(must(db->cards_in("org", Issuance::blank)).empty());
}

TEST_CASE(
    "[B8] identifiers that were unique on the server are each their organisation's, and still the server's") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  make_version_11(file);
  for (int start = 0; start < 2; ++start) {
    const auto db = open(file);
    const auto findings = must(db->changes().protect(log_key()));
    CHECK_FALSE(findings.begun);
    CHECK(findings.broken.empty());
    CHECK(findings.problems == std::vector<std::string>{});
    CHECK(must(db->changes().verify()).problems == std::vector<std::string>{});
    const auto known = [&db](const char* organisation, const PersonIdentifier& identifier) {
      std::string ids;
      for (const auto& person : must(db->people_known_as(organisation, identifier)))
        ids += person.id;
      return ids;
    };
    CHECK(known("org", {"uid", "1"}) == "ann");
    CHECK(known("org", {"upn", "ann@corp"}) == "ann");
    CHECK(known("org-b", {"uid", "2"}) == "bea");
    CHECK(known("org-b", {"uid", "1"}).empty());
    CHECK(known("org", {"uid", "2"}).empty());
  }
}

TEST_CASE("[B8] an identifier that somebody else changed is not made right by a newer server") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  make_version_11(file);
  {
    SQLite::Database raw{file.string(), SQLite::OPEN_READWRITE};
    raw.exec("UPDATE person_identifiers SET organisation = 'org-b', person = 'bea' WHERE value = '1'");
  }
  const auto db = open(file);
  const auto problems = must(db->changes().protect(log_key())).problems;
  CHECK(std::ranges::any_of(problems, [](const std::string& problem) {
    return problem.starts_with("table person_identifiers, row ") &&
           problem.find("value=1") != std::string::npos;
  }));
}

TEST_CASE("[B8] organisations from before they had caps of their own have none, and are still the server's") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  { const auto raw = of_version(file, 12); }
  write_log(file);
  const auto db = open(file);
  const auto findings = must(db->changes().protect(log_key()));
  CHECK(findings.broken.empty());
  CHECK(findings.problems == std::vector<std::string>{});
  const auto use = must(db->key_ledger().resident_use());
  REQUIRE(use.size() == 1);
  CHECK(use[0].organisation == "org");
  CHECK(use[0].keys == 0);
  CHECK_FALSE(use[0].cap);
  must(db->key_ledger().set_resident_cap("org", 0));
  CHECK(must(db->key_ledger().resident_use())[0].cap == 0);
  CHECK(must(db->changes().verify()).problems == std::vector<std::string>{});
}

TEST_CASE("a newer database is refused and left alone") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  open(file);
  set_version(file, 4711);
  CHECK_FAILS(Database::open({file}), Errc::conflict,
              "database " + file.string() +
                  ": the database has schema version 4711, this program knows versions up to " +
                  std::to_string(migrations().back().version) +
                  ": start a newer program or restore an older backup");
  CHECK(pragma(file, "user_version") == 4711);
}

TEST_CASE("another program's database is refused") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  {
    SQLite::Database raw{file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    raw.exec("CREATE TABLE notes (text)");
  }
  CHECK_FAILS(Database::open({file}), Errc::invalid,
              "database " + file.string() + ": the file is a database of another program");
}

TEST_CASE("a file that is no database, and a damaged one, are corrupt") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  std::ofstream{file} << std::string(8192, 'x');
  CHECK(Database::open({file}).error().code == Errc::corrupt);

  std::filesystem::remove(file);
  {
    const auto db = open(file);
    must(db->add(Organisation{"org", "Acme", at(1)}));
  }
  {
    std::fstream damaged{file, std::ios::in | std::ios::out | std::ios::binary};
    for (int page = 1; page < 6; ++page) {
      damaged.seekp(page * 4096 + 1);
      damaged << std::string(200, '\x7F');
    }
  }
  const auto opened = Database::open({file});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == Errc::corrupt);
}

TEST_CASE("a directory that is not there is unavailable, with the reason") {
  CHECK_FAILS(Database::open({"/nonexistent/cardea.db"}), Errc::unavailable,
              "cannot open /nonexistent/cardea.db.lock: No such file or directory");
}

}  // namespace cardea::store::test

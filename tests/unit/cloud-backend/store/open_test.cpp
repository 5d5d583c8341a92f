#include <SQLiteCpp/Database.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "fixture.h"
#include "migrations.h"

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

TEST_CASE("cards from before there was issuing are in use, and nobody asked for them") {
  TempDir directory;
  const auto file = directory / "cardea.db";
  { const auto raw = of_version(file, 10); }
  const auto db = open(file);
  CHECK(must(db->card("card")).issuance == Issuance::none);
  CHECK_FALSE(must(db->card("card")).asked);
  CHECK(must(db->cards_in("org", Issuance::blank)).empty());
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

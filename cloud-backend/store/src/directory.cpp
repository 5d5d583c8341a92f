#include <string>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace rule {

Result<void> organisation_exists(Connection& db, const std::string& organisation) {
  if (db.exists("SELECT 1 FROM organisations WHERE id = ?", organisation)) return {};
  return fail(Errc::not_found, "there is no organisation " + organisation);
}

Result<void> person_exists(Connection& db, const std::string& organisation,
                           const std::optional<std::string>& person) {
  if (!person || db.exists("SELECT 1 FROM people WHERE organisation = ? AND id = ?", organisation, *person))
    return {};
  return fail(Errc::not_found, "there is no person " + *person + " in this organisation");
}

Result<void> not_empty(const std::string& value, const char* what) {
  if (!value.empty()) return {};
  return fail(Errc::invalid, std::string{what} + " is empty");
}

}  // namespace rule

namespace {

Organisation organisation_of(const Query& row) {
  return {row.text(0), row.text(1), row.time(2), row.null(3) ? Bytes{} : row.blob(3)};
}

Person person_of(const Query& row) {
  return {row.text(0), row.text(1), row.text(2), row.text(3), row.time(4)};
}

}  // namespace

Result<void> SqliteDatabase::add(const Organisation& row) {
  CARDEA_CHECK(rule::not_empty(row.id, "the organisation's id"));
  CARDEA_CHECK(rule::not_empty(row.name, "the organisation's name"));
  return write([&row](Connection& db) -> Result<void> {
    if (db.exists("SELECT 1 FROM organisations WHERE id = ?", row.id)) {
      return fail(Errc::conflict, "an organisation with the id " + row.id + " exists already");
    }
    if (db.exists("SELECT 1 FROM organisations WHERE name = ?", row.name)) {
      return fail(Errc::conflict, "an organisation called " + row.name + " exists already");
    }
    db.run("INSERT INTO organisations (id, name, created_at, escrow_key) VALUES (?, ?, ?, nullif(?, x''))",
           row.id, row.name, row.created_at, BytesView{row.escrow_key});
    return {};
  });
}

Result<std::vector<Organisation>> SqliteDatabase::organisations() {
  return read([](Connection& db) -> Result<std::vector<Organisation>> {
    std::vector<Organisation> all;
    auto rows = db.query("SELECT id, name, created_at, escrow_key FROM organisations ORDER BY name");
    while (rows.step())
      all.push_back(organisation_of(rows));
    return all;
  });
}

Result<Organisation> SqliteDatabase::organisation(const std::string& id_or_name) {
  return read([&id_or_name](Connection& db) -> Result<Organisation> {
    // An id wins over another organisation's name.
    auto row = db.query(
        "SELECT id, name, created_at, escrow_key FROM organisations WHERE id = ?1 OR name = ?1 ORDER BY id = "
        "?1 DESC "
        "LIMIT 1",
        id_or_name);
    if (!row.step()) return fail(Errc::not_found, "there is no organisation " + id_or_name);
    return organisation_of(row);
  });
}

Result<void> insert_person(Connection& db, const Person& row) {
  CARDEA_CHECK(rule::organisation_exists(db, row.organisation));
  if (db.exists("SELECT 1 FROM people WHERE id = ?", row.id)) {
    return fail(Errc::conflict, "a person with the id " + row.id + " exists already");
  }
  if (!row.email.empty() &&
      db.exists("SELECT 1 FROM people WHERE organisation = ? AND email = ?", row.organisation, row.email)) {
    return fail(Errc::conflict, "a person with the e-mail address " + row.email + " exists already");
  }
  db.run("INSERT INTO people (id, organisation, name, email, created_at) VALUES (?, ?, ?, ?, ?)", row.id,
         row.organisation, row.name, row.email, row.created_at);
  return {};
}

Result<void> SqliteDatabase::add(const Person& row) {
  CARDEA_CHECK(rule::not_empty(row.id, "the person's id"));
  CARDEA_CHECK(rule::not_empty(row.name, "the person's name"));
  return write([&row](Connection& db) { return insert_person(db, row); });
}

Result<std::vector<Person>> SqliteDatabase::people(const std::string& organisation) {
  return read([&organisation](Connection& db) -> Result<std::vector<Person>> {
    std::vector<Person> all;
    auto rows = db.query(
        "SELECT id, organisation, name, email, created_at FROM people WHERE organisation = ? ORDER BY name, "
        "id",
        organisation);
    while (rows.step())
      all.push_back(person_of(rows));
    return all;
  });
}

Result<Person> SqliteDatabase::person(const std::string& organisation, const std::string& id_or_email) {
  return read([&](Connection& db) -> Result<Person> {
    // An empty address names nobody.
    auto row = db.query(
        "SELECT id, organisation, name, email, created_at FROM people WHERE organisation = ?1 AND ?2 <> '' "
        "AND (id = ?2 OR email = ?2) ORDER BY id = ?2 DESC LIMIT 1",
        organisation, id_or_email);
    if (!row.step())
      return fail(Errc::not_found, "there is no person " + id_or_email + " in this organisation");
    return person_of(row);
  });
}

}  // namespace cardea::store

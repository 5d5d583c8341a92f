#include <string>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

std::int64_t number(Issuance issuance) {
  return static_cast<std::int64_t>(issuance);
}

struct Standing {
  std::string organisation;
  Issuance issuance = Issuance::none;
};

Result<Standing> standing(Connection& db, const std::string& card) {
  auto row = db.query("SELECT organisation, issuance FROM cards WHERE id = ?", card);
  if (!row.step()) return fail(Errc::not_found, "there is no card " + card);
  return Standing{row.text(0), static_cast<Issuance>(row.integer(1))};
}

/// Moves on a card that stands where it is expected to, and no other.
Result<void> move(Connection& db, const std::string& card, Issuance from, Issuance to) {
  CARDEA_CHECK(standing(db, card));
  db.run("UPDATE cards SET issuance = ? WHERE id = ? AND issuance = ?", number(to), card, number(from));
  return {};
}

Result<void> keep(Connection& db, const Person& person, const PersonIdentifier& identifier) {
  // An update that changes nothing: the log of changes sees whether the row is the server's.
  if (db.run("UPDATE person_identifiers SET person = person WHERE organisation = ? AND kind = ? AND "
             "value = ? AND person = ?",
             person.organisation, identifier.kind, identifier.value, person.id) > 0) {
    return {};
  }
  if (db.exists("SELECT 1 FROM person_identifiers WHERE organisation = ? AND kind = ? AND value = ?",
                person.organisation, identifier.kind, identifier.value)) {
    return fail(Errc::conflict, "somebody else has the " + identifier.kind + " " + identifier.value);
  }
  db.run("INSERT INTO person_identifiers (organisation, kind, value, person) VALUES (?, ?, ?, ?)",
         person.organisation, identifier.kind, identifier.value, person.id);
  return {};
}

}  // namespace

Result<void> SqliteDatabase::hand_out(const std::string& card, const std::optional<BlankRequest>& was,
                                      const BlankRequest& now, const std::string& label) {
  return write([&](Connection& db) -> Result<void> {
    CARDEA_CHECK(standing(db, card));
    const auto changed = db.run(
        "UPDATE cards SET asked_by = ?1, asked_key = ?2, asked_at = ?3, label = ?4 WHERE id = ?5 AND "
        "issuance = ?6 "
        "AND asked_by IS ?7 AND asked_key IS ?8 AND asked_at IS ?9",
        now.device, now.key, now.at, label, card, number(Issuance::blank),
        was ? std::optional{was->device} : std::nullopt, was ? std::optional{was->key} : std::nullopt,
        was ? std::optional{was->at} : std::nullopt);
    if (changed == 0) return fail(Errc::conflict, "the blank card was handed out meanwhile");
    return {};
  });
}

Result<void> SqliteDatabase::begin_issuing(const std::string& card, const std::string& device) {
  return write([&](Connection& db) -> Result<void> {
    CARDEA_CHECK(standing(db, card));
    const auto changed =
        db.run("UPDATE cards SET issuance = ? WHERE id = ? AND issuance = ? AND asked_by IS ?",
               number(Issuance::issuing), card, number(Issuance::blank), device);
    // Another session of the device may have been first; a card that was never blank was asked for by nobody.
    if (changed == 0 && db.exists("SELECT 1 FROM cards WHERE id = ? AND asked_by IS NOT ? AND "
                                  "(issuance = ? OR asked_by IS NOT NULL)",
                                  card, device, number(Issuance::blank))) {
      return fail(Errc::conflict, "the blank card was handed to another workstation");
    }
    return {};
  });
}

Result<void> SqliteDatabase::take_into_use(const std::string& card) {
  return write([&card](Connection& db) { return move(db, card, Issuance::issued, Issuance::none); });
}

Result<void> SqliteDatabase::finish_issuing(const std::string& card, const Person& person, bool new_person,
                                            const std::vector<PersonIdentifier>& identifiers) {
  return write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto now, standing(db, card));
    if (now.issuance != Issuance::issuing) return fail(Errc::conflict, "the card is not being issued");
    if (now.organisation != person.organisation) {
      return fail(Errc::conflict, "the card and its holder are of different organisations");
    }
    if (new_person) {
      CARDEA_CHECK(insert_person(db, person));
    } else {
      CARDEA_CHECK(rule::person_exists(db, person.organisation, person.id));
    }
    for (const auto& identifier : identifiers)
      CARDEA_CHECK(keep(db, person, identifier));
    db.run("UPDATE cards SET holder = ?, issuance = ? WHERE id = ?", person.id, number(Issuance::issued),
           card);
    return {};
  });
}

Result<std::vector<Person>> SqliteDatabase::people_known_as(const std::string& organisation,
                                                            const PersonIdentifier& identifier) {
  return read([&](Connection& db) -> Result<std::vector<Person>> {
    std::vector<Person> people;
    auto rows = db.query(
        "SELECT id, organisation, name, email, created_at FROM people WHERE organisation = ?1 AND id IN "
        "(SELECT person FROM person_identifiers WHERE organisation = ?1 AND kind = ?2 AND value = ?3) "
        "UNION SELECT id, organisation, name, email, created_at FROM people WHERE organisation = ?1 AND "
        "?2 = 'email' AND email = ?3 AND email <> ''",
        organisation, identifier.kind, identifier.value);
    while (rows.step())
      people.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.time(4)});
    return people;
  });
}

}  // namespace cardea::store

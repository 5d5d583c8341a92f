#include <string>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

#define CARDEA_CARD_COLUMNS                                                                            \
  "SELECT id, organisation, holder, profile, label, serial, state, created_at, public_key, issuance, " \
  "asked_by, "                                                                                         \
  "asked_key, asked_at FROM cards "
constexpr const char* kById = CARDEA_CARD_COLUMNS "WHERE id = ?";
constexpr const char* kByOrganisation = CARDEA_CARD_COLUMNS "WHERE organisation = ? ORDER BY number";
constexpr const char* kByIssuance =
    CARDEA_CARD_COLUMNS "WHERE organisation = ? AND issuance = ? AND issuance <> 0 ORDER BY number";
constexpr const char* kByRequest =
    CARDEA_CARD_COLUMNS "WHERE organisation = ? AND asked_by = ? AND asked_key = ?";
constexpr const char* kByHolder = CARDEA_CARD_COLUMNS "WHERE organisation = ? AND holder = ? ORDER BY number";
#undef CARDEA_CARD_COLUMNS

CardRow card_of(const Query& row) {
  CardRow card;
  card.id = row.text(0);
  card.organisation = row.text(1);
  card.holder = row.optional_text(2);
  card.profile = row.text(3);
  card.label = row.text(4);
  card.serial = static_cast<std::uint32_t>(row.integer(5));
  card.state = static_cast<CardState>(row.integer(6));
  card.created_at = row.time(7);
  card.public_key = row.null(8) ? Bytes{} : row.blob(8);
  card.issuance = static_cast<Issuance>(row.integer(9));
  if (!row.null(11)) card.asked = BlankRequest{row.text(10), row.text(11), row.time(12)};
  return card;
}

std::vector<CardRow> all(Query& rows) {
  std::vector<CardRow> cards;
  while (rows.step())
    cards.push_back(card_of(rows));
  return cards;
}

tl::unexpected<Error> no_card(const std::string& id) {
  return fail(Errc::not_found, "there is no card " + id);
}

std::int64_t number(CardState state) {
  return static_cast<std::int64_t>(state);
}

Result<void> valid(CardState state) {
  if (state == CardState::active || state == CardState::blocked) return {};
  return fail(Errc::invalid, "a card is active or blocked");
}

}  // namespace

Result<void> SqliteDatabase::add(const CardRow& row) {
  CARDEA_CHECK(rule::not_empty(row.id, "the card's id"));
  CARDEA_CHECK(rule::not_empty(row.profile, "the card's profile"));
  CARDEA_CHECK(valid(row.state));
  return write([&row](Connection& db) -> Result<void> {
    CARDEA_CHECK(rule::organisation_exists(db, row.organisation));
    CARDEA_CHECK(rule::person_exists(db, row.organisation, row.holder));
    if (db.exists("SELECT 1 FROM cards WHERE id = ?", row.id)) {
      return fail(Errc::conflict, "a card with the id " + row.id + " exists already");
    }
    if (row.asked && db.exists(kByRequest, row.organisation, row.asked->device, row.asked->key)) {
      return fail(Errc::conflict,
                  "this device has got a card for the request " + row.asked->key + " already");
    }
    if (db.exists("SELECT 1 FROM cards WHERE serial = ?", std::int64_t{row.serial})) {
      return fail(Errc::conflict,
                  "a card with the serial number " + std::to_string(row.serial) + " exists already");
    }
    db.run(
        "INSERT INTO cards (id, organisation, holder, profile, label, serial, state, created_at, public_key, "
        "issuance, asked_by, asked_key, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, nullif(?, x''), ?, ?, ?, "
        "?)",
        row.id, row.organisation, row.holder, row.profile, row.label, std::int64_t{row.serial},
        number(row.state), row.created_at, BytesView{row.public_key}, static_cast<std::int64_t>(row.issuance),
        row.asked ? std::optional{row.asked->device} : std::nullopt,
        row.asked ? std::optional{row.asked->key} : std::nullopt,
        row.asked ? std::optional{row.asked->at} : std::nullopt);
    return {};
  });
}

Result<CardRow> read_card(Connection& db, const std::string& id) {
  auto row = db.query(kById, id);
  if (!row.step()) return no_card(id);
  return card_of(row);
}

Result<CardRow> SqliteDatabase::card(const std::string& id) {
  return read([&id](Connection& db) { return read_card(db, id); });
}

Result<std::vector<CardRow>> SqliteDatabase::cards(const std::string& organisation) {
  return read([&organisation](Connection& db) -> Result<std::vector<CardRow>> {
    auto rows = db.query(kByOrganisation, organisation);
    return all(rows);
  });
}

Result<std::vector<CardRow>> SqliteDatabase::cards_of(const std::string& organisation,
                                                      const std::string& person) {
  return read([&](Connection& db) -> Result<std::vector<CardRow>> {
    auto rows = db.query(kByHolder, organisation, person);
    return all(rows);
  });
}

Result<std::vector<CardRow>> SqliteDatabase::cards_in(const std::string& organisation, Issuance issuance) {
  return read([&](Connection& db) -> Result<std::vector<CardRow>> {
    auto rows = db.query(kByIssuance, organisation, static_cast<std::int64_t>(issuance));
    return all(rows);
  });
}

Result<CardRow> SqliteDatabase::card_asked_for(const std::string& organisation, const std::string& device,
                                               const std::string& key) {
  return read([&](Connection& db) -> Result<CardRow> {
    auto row = db.query(kByRequest, organisation, device, key);
    if (!row.step()) return fail(Errc::not_found, "this device has got no card for the request " + key);
    return card_of(row);
  });
}

Result<void> SqliteDatabase::set_state(const std::string& card, CardState state) {
  CARDEA_CHECK(valid(state));
  return write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE cards SET state = ? WHERE id = ?", number(state), card) == 0) return no_card(card);
    return {};
  });
}

Result<void> SqliteDatabase::assign(const std::string& card, const std::optional<std::string>& holder) {
  return write([&](Connection& db) -> Result<void> {
    std::string organisation;
    {
      auto row = db.query("SELECT organisation FROM cards WHERE id = ?", card);
      if (!row.step()) return no_card(card);
      organisation = row.text(0);
    }
    CARDEA_CHECK(rule::person_exists(db, organisation, holder));
    db.run("UPDATE cards SET holder = ? WHERE id = ?", holder, card);
    return {};
  });
}

Result<void> SqliteDatabase::delete_card(const std::string& id) {
  return write(
      [&id](Connection& db) -> Result<void> {
        if (db.run("DELETE FROM cards WHERE id = ?", id) == 0) return no_card(id);
        return {};
      },
      [this, &id] { live_.forget(id); });
}

}  // namespace cardea::store

#include <string>
#include <vector>

#include "sqlite_database.h"

namespace cardea::store {
namespace {

constexpr std::size_t kKeySize = 32;

Result<std::int64_t> row_of(Connection& db, const std::string& card) {
  auto row = db.query("SELECT number FROM cards WHERE id = ?", card);
  if (!row.step()) return fail(Errc::not_found, "there is no card " + card);
  return row.integer(0);
}

Result<void> put(Connection& db, std::int64_t row, const std::vector<SecretCopy>& copies) {
  for (const auto& copy : copies) {
    db.run(
        "INSERT INTO card_secrets (card, holder, copy) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (card, holder) DO UPDATE SET copy = ?3",
        row, copy.holder, BytesView{copy.copy});
  }
  return {};
}

bool is_key(const Bytes& octets) {
  return octets.size() == kKeySize;
}

Result<void> put_secret(Connection& db, std::int64_t row, const NewSecret& secret) {
  if (!is_key(secret.public_key)) return fail(Errc::invalid, "a card's public key has 32 octets");
  db.run("UPDATE cards SET public_key = ? WHERE number = ?", BytesView{secret.public_key}, row);
  db.run("DELETE FROM card_secrets WHERE card = ?", row);
  return put(db, row, secret.copies);
}

Result<void> still_has(Connection& db, std::int64_t row, const Bytes& public_key) {
  if (db.exists("SELECT 1 FROM cards WHERE number = ? AND public_key = ?", row, BytesView{public_key}))
    return {};
  return fail(Errc::conflict, "the card's secret was replaced meanwhile");
}

}  // namespace

Result<void> renew_secret(Connection& db, const std::string& card, const Bytes& was,
                          const NewSecret& secret) {
  CARDEA_TRY(const auto row, row_of(db, card));
  CARDEA_CHECK(still_has(db, row, was));
  return put_secret(db, row, secret);
}

Result<void> write_copies(Connection& db, const std::string& card, const Bytes& public_key,
                          const std::vector<SecretCopy>& copies) {
  CARDEA_TRY(const auto row, row_of(db, card));
  CARDEA_CHECK(still_has(db, row, public_key));
  CARDEA_CHECK(put(db, row, copies));
  settle_issuance(db, card);
  return {};
}

// Only with a copy for the PIN and one for the PUK is somebody left who can open the keys.
void settle_issuance(Connection& db, const std::string& card) {
  db.run(
      "DELETE FROM card_secrets WHERE holder = 'issuance' AND card = (SELECT number FROM cards WHERE id = "
      "?1) "
      "AND (SELECT count(*) FROM card_secrets AS other WHERE other.card = card_secrets.card "
      "AND other.holder IN ('pin', 'puk')) = 2 "
      "AND (SELECT count(*) FROM pins WHERE pins.card = card_secrets.card AND pins.ref IN (128, 129) "
      "AND pins.factory = 0) = 2",
      card);
}

Result<void> SqliteDatabase::set_secret(const std::string& card, const Bytes& public_key,
                                        const std::vector<SecretCopy>& copies) {
  return write([&](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto row, row_of(db, card));
    return put_secret(db, row, {public_key, copies});
  });
}

Result<void> SqliteDatabase::put_copies(const std::string& card, const Bytes& public_key,
                                        const std::vector<SecretCopy>& copies) {
  return write([&](Connection& db) { return write_copies(db, card, public_key, copies); });
}

Result<Bytes> SqliteDatabase::secret_copy(const std::string& card, const std::string& holder) {
  return read([&](Connection& db) -> Result<Bytes> {
    auto row = db.query(
        "SELECT copy FROM card_secrets WHERE card = (SELECT number FROM cards WHERE id = ?) AND holder = ?",
        card, holder);
    if (!row.step()) return fail(Errc::not_found, "the card's secret has no copy for this holder");
    return row.blob(0);
  });
}

Result<std::vector<std::string>> SqliteDatabase::secret_holders(const std::string& card) {
  return read([&](Connection& db) -> Result<std::vector<std::string>> {
    std::vector<std::string> holders;
    auto rows = db.query(
        "SELECT holder FROM card_secrets WHERE card = (SELECT number FROM cards WHERE id = ?) ORDER BY "
        "holder",
        card);
    while (rows.step())
      holders.push_back(rows.text(0));
    return holders;
  });
}

Result<void> SqliteDatabase::end_issuance(const std::string& card) {
  return write([&card](Connection& db) -> Result<void> {
    CARDEA_TRY(const auto row, row_of(db, card));
    if (!db.exists("SELECT 1 FROM card_secrets WHERE card = ? AND holder = 'issuance'", row)) return {};
    for (const char* holder : {"pin", "puk"}) {
      if (db.exists("SELECT 1 FROM card_secrets WHERE card = ? AND holder = ?", row, std::string{holder}))
        continue;
      return fail(Errc::conflict, std::string{"the "} + (holder[1] == 'i' ? "PIN" : "PUK") +
                                      " has no copy of the card's secret yet: the keys would be lost");
    }
    db.run("DELETE FROM card_secrets WHERE card = ? AND holder = 'issuance'", row);
    return {};
  });
}

Result<void> SqliteDatabase::set_escrow_key(const std::string& organisation, const Bytes& escrow_key) {
  if (!escrow_key.empty() && !is_key(escrow_key)) return fail(Errc::invalid, "an escrow key has 32 octets");
  return write([&](Connection& db) -> Result<void> {
    if (db.run("UPDATE organisations SET escrow_key = nullif(?, x'') WHERE id = ?", BytesView{escrow_key},
               organisation) == 0) {
      return fail(Errc::not_found, "there is no organisation " + organisation);
    }
    return {};
  });
}

}  // namespace cardea::store

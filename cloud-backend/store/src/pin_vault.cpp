#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

constexpr unsigned kUsualTries = 3;

std::int64_t number(card::PinRef ref) {
  return static_cast<std::int64_t>(ref);
}

tl::unexpected<Error> never_set(card::PinRef ref) {
  return fail(Errc::not_found, ref == card::PinRef::puk ? "the card has no PUK" : "the card has no PIN");
}

/// A paid attempt. Its number is the value of the `spent` counter that it led to.
struct Attempt {
  bool paid = false;
  std::int64_t number = 0;
  PinHash expected;
  card::PinStatus status;
  std::uint64_t generation = 0;
};

card::PinStatus status_of(const Query& row) {
  card::PinStatus status;
  status.tries_left = static_cast<unsigned>(row.integer(0));
  status.tries_max = static_cast<unsigned>(row.integer(1));
  status.factory_value = row.integer(2) != 0;
  status.version = row.count(3);
  return status;
}

// The columns that `status_of` reads, in its order.
#define CARDEA_PIN_STATUS "tries_max - (spent - forgiven), tries_max, factory, version"
constexpr const char* kStatus =
    "SELECT " CARDEA_PIN_STATUS " FROM pins WHERE card = (SELECT number FROM cards WHERE id = ?) AND ref = ?";
constexpr const char* kSpend =
    "UPDATE pins SET spent = spent + 1 WHERE card = (SELECT number FROM cards WHERE id = ?) AND ref = ? "
    "AND spent - forgiven < tries_max RETURNING " CARDEA_PIN_STATUS ", spent, passes, memory, salt, hash";
constexpr const char* kForgive =
    "UPDATE pins SET forgiven = max(forgiven, ?3) WHERE card = (SELECT number FROM cards WHERE id = ?1) AND "
    "ref = ?2 "
    "AND version = ?4 RETURNING " CARDEA_PIN_STATUS;
#undef CARDEA_PIN_STATUS

Result<card::PinStatus> read_status(Connection& db, const std::string& card, card::PinRef ref) {
  auto row = db.query(kStatus, card, number(ref));
  if (!row.step()) return never_set(ref);
  return status_of(row);
}

/// Takes one try, if there is one.
Result<void> spend(Connection& db, const std::string& card, card::PinRef ref, Attempt& attempt) {
  attempt = {};
  {
    auto row = db.query(kSpend, card, number(ref));
    if (row.step()) {
      attempt.paid = true;
      attempt.status = status_of(row);
      attempt.number = row.integer(4);
      attempt.expected.cost = {row.integer(5), row.integer(6)};
      const Bytes salt = row.blob(7);
      const Bytes hash = row.blob(8);
      if (salt.size() != attempt.expected.salt.size() || hash.size() != attempt.expected.hash.size()) {
        return fail(Errc::corrupt, "a stored PIN has the wrong size");
      }
      std::ranges::copy(salt, attempt.expected.salt.begin());
      std::ranges::copy(hash, attempt.expected.hash.begin());
    }
  }
  if (attempt.paid) {
    CARDEA_TRY(attempt.generation, bump_generation(db, card));
    return {};
  }
  CARDEA_TRY(attempt.status, read_status(db, card, ref));
  return {};
}

/// The attempt was right: gives back its try and all that were spent before it. Tries spent after it stay
/// spent until they prove right themselves, so attempts count in the order in which they were paid, whichever
/// is compared first. With a new PIN set meanwhile it changes nothing and is no match: it was right about a
/// value that is no more.
Result<void> forgive(Connection& db, const std::string& card, card::PinRef ref, const Attempt& attempt,
                     card::PinVerdict& verdict, std::uint64_t& generation) {
  verdict = {};
  {
    auto row = db.query(kForgive, card, number(ref), attempt.number,
                        static_cast<std::int64_t>(attempt.status.version));
    if (row.step()) verdict = {true, status_of(row)};
  }
  if (!verdict.match) {
    CARDEA_TRY(verdict.status, read_status(db, card, ref));
  }
  CARDEA_TRY(generation, bump_generation(db, card));
  return {};
}

struct NewValue {
  const card::PinUpdate* update;
  PinHash hash;
};

Result<void> set(Connection& db, const std::string& card, const NewValue& value) {
  const auto ref = number(value.update->ref);
  std::optional<std::int64_t> tries_max;
  if (value.update->tries_max) tries_max = *value.update->tries_max;
  db.run(
      "INSERT INTO pins (card, ref, algorithm, passes, memory, salt, hash, tries_max, factory, version) "
      "VALUES ((SELECT number FROM cards WHERE id = ?1), ?2, 1, ?3, ?4, ?5, ?6, coalesce(?7, ?8), ?9, 1) "
      "ON CONFLICT (card, ref) DO UPDATE SET passes = ?3, memory = ?4, salt = ?5, hash = ?6, "
      "tries_max = coalesce(?7, tries_max), factory = ?9, version = version + 1, spent = 0, forgiven = 0",
      card, ref, value.hash.cost.passes, value.hash.cost.memory, BytesView{value.hash.salt},
      BytesView{value.hash.hash}, tries_max, std::int64_t{kUsualTries},
      std::int64_t{value.update->factory_value ? 1 : 0});
  return {};
}

class SqlitePinVault final : public card::PinVault {
 public:
  SqlitePinVault(SqliteDatabase& database, std::string card)
      : database_{database}, card_{std::move(card)}, live_{database.live_cards().open(card_)} {}

  Result<card::PinStatus> status(card::PinRef ref) override {
    return database_.read([this, ref](Connection& db) { return read_status(db, card_, ref); });
  }

  Result<card::PinVerdict> verify(card::PinRef ref, const card::PinEvidence& evidence) override {
    Attempt attempt;
    CARDEA_CHECK(database_.write([&](Connection& db) { return spend(db, card_, ref, attempt); },
                                 [&] {
                                   if (attempt.paid) live_->publish(attempt.generation, {});
                                 }));
    if (!attempt.paid) return card::PinVerdict{false, attempt.status};

    // The try is paid for and durable from here on, whatever happens to this process.
    CARDEA_TRY(const bool match, database_.pin_hasher().matches(evidence, attempt.expected));
    if (!match) return card::PinVerdict{false, attempt.status};

    card::PinVerdict verdict;
    std::uint64_t generation = 0;
    CARDEA_CHECK(
        database_.write([&](Connection& db) { return forgive(db, card_, ref, attempt, verdict, generation); },
                        [&] { live_->publish(generation, {}); }));
    return verdict;
  }

  Result<void> replace(std::span<const card::PinUpdate> updates) override {
    std::vector<NewValue> values;
    values.reserve(updates.size());
    for (const auto& update : updates) {
      if (update.value == nullptr) return fail(Errc::invalid, "a new PIN has no value");
      if (update.tries_max && (*update.tries_max < 1 || *update.tries_max > 255)) {
        return fail(Errc::invalid, "a PIN has 1 to 255 tries");
      }
      CARDEA_TRY(const PinHash hash, database_.pin_hasher().make(*update.value));
      values.push_back({&update, hash});
    }
    std::uint64_t generation = 0;
    return database_.write(
        [&](Connection& db) -> Result<void> {
          CARDEA_TRY(generation, bump_generation(db, card_));
          for (const auto& value : values)
            CARDEA_CHECK(set(db, card_, value));
          settle_issuance(db, card_);
          return {};
        },
        [&] { live_->publish(generation, {}); });
  }

 private:
  SqliteDatabase& database_;
  std::string card_;
  std::shared_ptr<LiveCard> live_;
};

}  // namespace

std::unique_ptr<card::PinVault> SqliteDatabase::pin_vault(const std::string& card) {
  return std::make_unique<SqlitePinVault>(*this, card);
}

}  // namespace cardea::store

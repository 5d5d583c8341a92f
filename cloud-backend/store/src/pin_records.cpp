#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "awaited_proofs.h"
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

card::PinStatus status_of(const Query& row) {
  card::PinStatus status;
  status.tries_left = static_cast<unsigned>(row.integer(0));
  status.tries_max = static_cast<unsigned>(row.integer(1));
  status.factory_value = row.integer(2) != 0;
  status.version = row.count(3);
  status.must_change = row.integer(4) != 0;
  return status;
}

// The columns that `status_of` reads, in its order. A factory value is everybody's, in rows too that are
// older than the column must_change.
#define CARDEA_PIN_STATUS \
  "tries_max - (spent - forgiven), tries_max, factory, version, factory OR coalesce(must_change, 0)"
constexpr const char* kStatus =
    "SELECT " CARDEA_PIN_STATUS " FROM pins WHERE card = (SELECT number FROM cards WHERE id = ?) AND ref = ?";
constexpr const char* kExpectation =
    "SELECT " CARDEA_PIN_STATUS
    ", nonce, ksf, record FROM pins WHERE card = (SELECT number FROM cards WHERE id = ?) AND ref = ?";
constexpr const char* kSpend =
    "UPDATE pins SET spent = spent + 1, awaited = ?3 "
    "WHERE card = (SELECT number FROM cards WHERE id = ?1) AND ref = ?2 "
    "AND spent - forgiven < tries_max RETURNING " CARDEA_PIN_STATUS ", spent, nonce, ksf, record";
constexpr const char* kForgive =
    "UPDATE pins SET forgiven = max(forgiven, ?3), awaited = ?4 "
    "WHERE card = (SELECT number FROM cards WHERE id = ?1) AND ref = ?2 RETURNING " CARDEA_PIN_STATUS;
constexpr const char* kCounters =
    "SELECT spent, version, awaited FROM pins WHERE card = (SELECT number FROM cards WHERE id = ?) AND ref = "
    "?";
#undef CARDEA_PIN_STATUS

Result<card::PinStatus> read_status(Connection& db, const std::string& card, card::PinRef ref) {
  auto row = db.query(kStatus, card, number(ref));
  if (!row.step()) return never_set(ref);
  return status_of(row);
}

PinRecord record_at(const Query& row, int column) {
  return {row.blob(column), row.blob(column + 1), row.blob(column + 2)};
}

Result<PinExpectation> read_expectation(Connection& db, const std::string& card, card::PinRef ref) {
  auto row = db.query(kExpectation, card, number(ref));
  if (!row.step()) return never_set(ref);
  return PinExpectation{record_at(row, 5), status_of(row)};
}

struct Counters {
  std::uint64_t spent = 0;
  std::uint64_t version = 0;
  AwaitedProofs awaited;
};

Result<Counters> read_counters(Connection& db, const std::string& card, card::PinRef ref) {
  auto row = db.query(kCounters, card, number(ref));
  if (!row.step()) return never_set(ref);
  Counters out{row.count(0), row.count(1), {}};
  CARDEA_TRY(out.awaited, AwaitedProofs::parse(row.blob(2)));
  return out;
}

/// Takes one try, if there is one.
Result<void> take_try(Connection& db, const std::string& card, card::PinRef ref, const AwaitedProof* proof,
                      PinAttempt& attempt, std::uint64_t& generation) {
  attempt = {};
  CARDEA_TRY(auto counters, read_counters(db, card, ref));
  if (proof != nullptr) {
    if (proof->version != counters.version) return fail(Errc::conflict, "the PIN has another value by now");
    counters.awaited.add(counters.spent + 1, *proof);
  }
  {
    auto row = db.query(kSpend, card, number(ref), BytesView{counters.awaited.encode()});
    if (row.step()) {
      attempt.paid = true;
      attempt.status = status_of(row);
      attempt.number = row.count(5);
      attempt.expected = record_at(row, 6);
    }
  }
  if (attempt.paid) {
    CARDEA_TRY(generation, bump_generation(db, card));
    return {};
  }
  CARDEA_TRY(attempt.status, read_status(db, card, ref));
  return {};
}

/// The attempt was right: gives back its try and all that were spent before it. Tries spent after it stay
/// spent until they prove right themselves, so attempts count in the order in which they were paid, whichever
/// is compared first.
Result<void> forgive_up_to(Connection& db, const std::string& card, card::PinRef ref, std::uint64_t attempt,
                           AwaitedProofs awaited, card::PinVerdict& verdict) {
  awaited.drop_up_to(attempt);
  auto row =
      db.query(kForgive, card, number(ref), static_cast<std::int64_t>(attempt), BytesView{awaited.encode()});
  if (!row.step()) return never_set(ref);
  verdict = {true, status_of(row)};
  return {};
}

/// With a new PIN set meanwhile it changes nothing and is no match: it was right about a value that is no
/// more.
Result<void> give_back(Connection& db, const std::string& card, card::PinRef ref, const PinAttempt& attempt,
                       card::PinVerdict& verdict, std::uint64_t& generation) {
  verdict = {};
  CARDEA_TRY(auto counters, read_counters(db, card, ref));
  if (counters.version == attempt.status.version) {
    CARDEA_CHECK(forgive_up_to(db, card, ref, attempt.number, std::move(counters.awaited), verdict));
  } else {
    CARDEA_TRY(verdict.status, read_status(db, card, ref));
  }
  CARDEA_TRY(generation, bump_generation(db, card));
  return {};
}

/// A proof that came late. A new value has dropped what was awaited of the old one.
Result<void> give_back_late(Connection& db, const std::string& card, card::PinRef ref,
                            const ProofDigest& digest, Time now, card::PinVerdict& verdict,
                            std::uint64_t& generation) {
  verdict = {};
  CARDEA_TRY(auto counters, read_counters(db, card, ref));
  const auto attempt = counters.awaited.find(digest, now);
  if (!attempt) {
    CARDEA_TRY(verdict.status, read_status(db, card, ref));
    return {};
  }
  CARDEA_CHECK(forgive_up_to(db, card, ref, *attempt, std::move(counters.awaited), verdict));
  CARDEA_TRY(generation, bump_generation(db, card));
  return {};
}

Result<void> still_replaces(Connection& db, const std::string& card, const PinRecordUpdate& update) {
  if (!update.replaces) return {};
  auto row = db.query(kStatus, card, number(update.ref));
  const std::uint64_t version = row.step() ? status_of(row).version : 0;
  if (version != *update.replaces) return fail(Errc::conflict, "the PIN has another value by now");
  return {};
}

void set(Connection& db, const std::string& card, const PinRecordUpdate& update) {
  std::optional<std::int64_t> tries_max;
  if (update.tries_max) tries_max = *update.tries_max;
  std::optional<std::int64_t> must_change;
  if (update.must_change) must_change = 1;
  db.run(
      "INSERT INTO pins (card, ref, nonce, ksf, record, tries_max, factory, version, must_change) "
      "VALUES ((SELECT number FROM cards WHERE id = ?1), ?2, ?3, ?4, ?5, coalesce(?6, ?7), ?8, 1, ?9) "
      "ON CONFLICT (card, ref) DO UPDATE SET nonce = ?3, ksf = ?4, record = ?5, "
      "tries_max = coalesce(?6, tries_max), factory = ?8, version = version + 1, spent = 0, forgiven = 0, "
      "awaited = x'', must_change = ?9",
      card, number(update.ref), BytesView{update.record.nonce}, BytesView{update.record.ksf},
      BytesView{update.record.record}, tries_max, std::int64_t{kUsualTries},
      std::int64_t{update.factory_value ? 1 : 0}, must_change);
}

Result<void> valid(const PinRecordUpdate& update) {
  constexpr std::size_t kNonce = 16;
  constexpr std::size_t kKsf = 9;
  constexpr std::size_t kRecord = 192;
  const auto& record = update.record;
  if (record.nonce.size() != kNonce || record.ksf.size() != kKsf || record.record.size() != kRecord) {
    return fail(Errc::invalid, "a PIN's record has the wrong size");
  }
  if (update.tries_max && (*update.tries_max < 1 || *update.tries_max > 255)) {
    return fail(Errc::invalid, "a PIN has 1 to 255 tries");
  }
  return {};
}

class SqlitePinRecords final : public PinRecords {
 public:
  SqlitePinRecords(SqliteDatabase& database, std::string card)
      : database_{database}, card_{std::move(card)}, live_{database.live_cards().open(card_)} {}

  Result<card::PinStatus> status(card::PinRef ref) override {
    return database_.read([this, ref](Connection& db) { return read_status(db, card_, ref); });
  }

  Result<PinExpectation> expectation(card::PinRef ref) override {
    return database_.read([this, ref](Connection& db) { return read_expectation(db, card_, ref); });
  }

  Result<PinAttempt> spend(card::PinRef ref) override { return pay(ref, nullptr); }
  Result<PinAttempt> spend(card::PinRef ref, const AwaitedProof& proof) override { return pay(ref, &proof); }

  Result<card::PinVerdict> refund(card::PinRef ref, const ProofDigest& digest, Time now) override {
    // Most proofs that come late were heard in time, and cost no write.
    CARDEA_TRY(const auto counters,
               database_.read([this, ref](Connection& db) { return read_counters(db, card_, ref); }));
    card::PinVerdict verdict;
    if (!counters.awaited.find(digest, now)) {
      CARDEA_TRY(verdict.status, status(ref));
      return verdict;
    }
    std::uint64_t generation = 0;
    CARDEA_CHECK(database_.write(
        [&](Connection& db) { return give_back_late(db, card_, ref, digest, now, verdict, generation); },
        [&] {
          if (verdict.match) live_->publish(generation, {});
        }));
    return verdict;
  }

  Result<card::PinVerdict> forgive(card::PinRef ref, const PinAttempt& attempt) override {
    if (!attempt.paid) return fail(Errc::invalid, "an attempt that was not paid for cannot be forgiven");
    card::PinVerdict verdict;
    std::uint64_t generation = 0;
    CARDEA_CHECK(database_.write(
        [&](Connection& db) { return give_back(db, card_, ref, attempt, verdict, generation); },
        [&] { live_->publish(generation, {}); }));
    return verdict;
  }

  Result<void> replace(std::span<const PinRecordUpdate> updates, const Bytes& public_key) override {
    return put(updates, public_key, {});
  }

  Result<void> renew(std::span<const PinRecordUpdate> updates, const Bytes& public_key,
                     const NewSecret& secret) override {
    return put(updates, public_key, {nullptr, &secret});
  }

  Result<void> recover(const PinRecordUpdate& update, const Bytes& public_key,
                       const RecoveryEnd& end) override {
    return put({&update, 1}, public_key, {&end, nullptr});
  }

 private:
  /// What goes into the same transaction.
  struct Besides {
    const RecoveryEnd* recovery = nullptr;
    const NewSecret* secret = nullptr;
  };

  Result<void> put(std::span<const PinRecordUpdate> updates, const Bytes& public_key,
                   const Besides& besides) {
    std::vector<SecretCopy> copies;
    for (const auto& update : updates) {
      CARDEA_CHECK(valid(update));
      if (update.secret_copy) copies.push_back(*update.secret_copy);
    }
    std::uint64_t generation = 0;
    return database_.write(
        [&](Connection& db) -> Result<void> {
          for (const auto& update : updates)
            CARDEA_CHECK(still_replaces(db, card_, update));
          if (besides.recovery != nullptr) CARDEA_CHECK(end_link(db, *besides.recovery));
          if (besides.secret != nullptr) CARDEA_CHECK(renew_secret(db, card_, public_key, *besides.secret));
          CARDEA_TRY(generation, bump_generation(db, card_));
          for (const auto& update : updates)
            set(db, card_, update);
          if (copies.empty()) {
            settle_issuance(db, card_);
            return {};
          }
          return write_copies(db, card_, besides.secret != nullptr ? besides.secret->public_key : public_key,
                              copies);
        },
        [&] { live_->publish(generation, {}); });
  }

  Result<PinAttempt> pay(card::PinRef ref, const AwaitedProof* proof) {
    PinAttempt attempt;
    std::uint64_t generation = 0;
    CARDEA_CHECK(
        database_.write([&](Connection& db) { return take_try(db, card_, ref, proof, attempt, generation); },
                        [&] {
                          if (attempt.paid) live_->publish(generation, {});
                        }));
    if (attempt.paid) database_.count_pin_attempt();
    return attempt;
  }

  SqliteDatabase& database_;
  std::string card_;
  std::shared_ptr<LiveCard> live_;
};

}  // namespace

std::unique_ptr<PinRecords> SqliteDatabase::pin_records(const std::string& card) {
  return std::make_unique<SqlitePinRecords>(*this, card);
}

}  // namespace cardea::store

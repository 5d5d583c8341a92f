#include <memory>
#include <string>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

std::int64_t number(card::RecordSpace space) {
  return static_cast<std::int64_t>(space);
}

/// Generation and records, inside a transaction.
Result<Snapshot> load(Connection& db, const std::string& card) {
  Snapshot snapshot;
  std::int64_t row = 0;
  {
    auto found = db.query("SELECT number, generation FROM cards WHERE id = ?", card);
    if (found.step()) {
      row = found.integer(0);
      snapshot.generation = found.count(1);
    }
  }
  {
    auto records = db.query("SELECT space, id, value FROM records WHERE card = ?", row);
    while (records.step()) {
      snapshot.records.emplace(card::RecordId{static_cast<card::RecordSpace>(records.integer(0)),
                                              static_cast<std::uint32_t>(records.integer(1))},
                               records.blob(2));
    }
  }
  if (snapshot.generation == 0) return fail(Errc::not_found, "there is no card " + card);
  return snapshot;
}

void apply(Connection& db, std::int64_t row, const card::Change& change) {
  const std::int64_t id = change.id.id;
  if (change.value) {
    db.run(
        "INSERT INTO records (card, space, id, value) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (card, space, id) DO UPDATE SET value = ?4",
        row, number(change.id.space), id, BytesView{*change.value});
  } else {
    db.run("DELETE FROM records WHERE card = ? AND space = ? AND id = ?", row, number(change.id.space), id);
  }
}

bool holds(Connection& db, std::int64_t row, const card::Condition& condition) {
  const std::int64_t id = condition.id.id;
  auto found = db.query("SELECT value FROM records WHERE card = ? AND space = ? AND id = ?", row,
                        number(condition.id.space), id);
  if (!found.step()) return !condition.value;
  return condition.value && equal(found.blob(0), *condition.value);
}

class SqliteCardStore final : public card::Store {
 public:
  SqliteCardStore(SqliteDatabase& database, std::string card)
      : database_{database}, card_{std::move(card)}, live_{database.live_cards().open(card_)} {}

  Result<std::optional<Bytes>> get(card::RecordId id) override { return live_->get(id, loader()); }

  Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override {
    return live_->list(space, loader());
  }

  Result<void> commit_if(std::span<const card::Condition> conditions,
                         std::span<const card::Change> changes) override {
    std::uint64_t generation = 0;
    return database_.write(
        [this, conditions, changes, &generation](Connection& db) -> Result<void> {
          CARDEA_TRY(generation, bump_generation(db, card_));
          std::int64_t row = 0;
          {
            auto found = db.query("SELECT number FROM cards WHERE id = ?", card_);
            found.step();
            row = found.integer(0);
          }
          for (const auto& condition : conditions) {
            if (!holds(db, row, condition)) return fail(Errc::conflict, "the record was changed meanwhile");
          }
          for (const auto& change : changes)
            apply(db, row, change);
          return {};
        },
        [this, changes, &generation] { live_->publish(generation, changes); });
  }

  Result<std::uint64_t> generation() override { return live_->generation(loader()); }

 private:
  /// What is read is kept for as long as the card is open: only what was compared while it was read. An
  /// administrator may look at a frozen card that is right again.
  LiveCard::Load loader() {
    return [this]() -> Result<Snapshot> {
      Snapshot snapshot;
      CARDEA_CHECK(
          database_.sqlite_changes().read_compared({card_, {}, true}, [&](Connection& db) -> Result<void> {
            CARDEA_TRY(snapshot, load(db, card_));
            return {};
          }));
      return snapshot;
    };
  }

  SqliteDatabase& database_;
  std::string card_;
  std::shared_ptr<LiveCard> live_;
};

}  // namespace

Result<std::uint64_t> bump_generation(Connection& db, const std::string& card) {
  auto bumped =
      db.query("UPDATE cards SET generation = generation + 1 WHERE id = ? RETURNING generation", card);
  if (!bumped.step()) return fail(Errc::not_found, "there is no card " + card);
  return bumped.count(0);
}

std::unique_ptr<card::Store> SqliteDatabase::card_store(const std::string& card) {
  return std::make_unique<SqliteCardStore>(*this, card);
}

}  // namespace cardea::store

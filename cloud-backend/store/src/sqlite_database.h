#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cardea/store/database.h"
#include "change_log.h"
#include "changes.h"
#include "connection.h"
#include "key_ledger.h"
#include "live_cards.h"
#include "lock_file.h"
#include "readers.h"
#include "writer.h"

namespace cardea::store {

/// Database over SQLite. The only place where SQLiteCpp's exceptions are caught besides Writer is `read`.
class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::filesystem::path file, LockFile lock, bool upgraded);

  Result<void> add(const Organisation& row) override;
  Result<std::vector<Organisation>> organisations() override;
  Result<Organisation> organisation(const std::string& id_or_name) override;

  Result<void> add(const Person& row) override;
  Result<std::vector<Person>> people(const std::string& organisation) override;
  Result<Person> person(const std::string& organisation, const std::string& id_or_email) override;

  Result<void> add(const CardRow& row) override;
  Result<CardRow> card(const std::string& id) override;
  Result<std::vector<CardRow>> cards(const std::string& organisation) override;
  Result<std::vector<CardRow>> cards_of(const std::string& organisation, const std::string& person) override;
  Result<std::vector<CardRow>> cards_in(const std::string& organisation, Issuance issuance) override;
  Result<void> set_state(const std::string& card, CardState state) override;
  Result<void> assign(const std::string& card, const std::optional<std::string>& holder) override;
  Result<void> delete_card(const std::string& id) override;

  Result<CardRow> card_asked_for(const std::string& organisation, const std::string& device,
                                 const std::string& key) override;
  Result<void> hand_out(const std::string& card, const std::optional<BlankRequest>& was,
                        const BlankRequest& now, const std::string& label) override;
  Result<void> begin_issuing(const std::string& card, const std::string& device) override;
  Result<void> finish_issuing(const std::string& card, const Person& person, bool new_person,
                              const std::vector<PersonIdentifier>& identifiers) override;
  Result<void> take_into_use(const std::string& card) override;
  Result<std::vector<Person>> people_known_as(const std::string& organisation,
                                              const PersonIdentifier& identifier) override;

  Result<void> set_secret(const std::string& card, const Bytes& public_key,
                          const std::vector<SecretCopy>& copies) override;
  Result<void> put_copies(const std::string& card, const Bytes& public_key,
                          const std::vector<SecretCopy>& copies) override;
  Result<Bytes> secret_copy(const std::string& card, const std::string& holder) override;
  Result<std::vector<std::string>> secret_holders(const std::string& card) override;
  Result<void> end_issuance(const std::string& card) override;
  Result<void> set_escrow_key(const std::string& organisation, const Bytes& escrow_key) override;

  Result<void> add(const Device& row) override;
  Result<Device> device(const std::string& id) override;
  Result<std::vector<Device>> devices(const std::string& organisation) override;
  Result<void> revoke_device(const std::string& id, Time at) override;

  Result<void> add(const EnrolmentCode& row) override;
  Result<EnrolmentCode> enrolment_code(const Bytes& hash) override;
  Result<Device> redeem(const Bytes& code_hash, Device device, Time now) override;

  Result<void> set(const std::string& card, const RecoveryAnswers& row) override;
  Result<RecoveryAnswers> recovery_answers(const std::string& card) override;
  Result<void> set(const std::string& card, const std::vector<RecoveryCode>& codes) override;
  Result<std::size_t> recovery_codes(const std::string& card) override;
  Result<Bytes> recovery_copy(const std::string& card, const Bytes& name) override;
  Result<void> set_half(const std::string& card, const std::string& device, const Bytes& copy) override;
  Result<Bytes> recovery_half(const std::string& card, const std::string& device) override;
  Result<std::size_t> recovery_halves(const std::string& card) override;
  Result<void> add(const RecoveryLink& row, std::size_t most_a_day) override;
  Result<RecoveryLink> recovery_link(const Bytes& hash, Time now) override;
  Result<RecoveryLink> spend_recovery_attempt(const Bytes& hash, Time now) override;
  Result<void> end_recovery(const Bytes& hash, const std::optional<Bytes>& code, Time now) override;

  Changes& changes() override { return changes_; }

  Result<void> append(const AuditRow& row) override;
  Result<std::vector<AuditRow>> audit(const AuditQuery& query) override;

  std::unique_ptr<card::Store> card_store(const std::string& card) override;
  std::unique_ptr<PinRecords> pin_records(const std::string& card) override;

  KeyLedger& key_ledger() override { return key_ledger_; }

  [[nodiscard]] Stats stats() const override;
  Result<void> check() override;

  /// `query` reads over a connection and returns a Result; SQLite's exceptions become its error.
  template <class F>
  auto read(F&& query) -> decltype(query(std::declval<Connection&>())) {
    try {
      const auto lease = readers_.take();
      return std::forward<F>(query)(*lease);
    } catch (const SQLite::Exception& failure) {
      return tl::unexpected{translate_sqlite(failure.getExtendedErrorCode(), 0, failure.what())};
    } catch (const std::exception& failure) {
      return fail(Errc::unavailable, std::string{"reading failed: "} + failure.what());
    }
  }

  Result<void> write(const Writer::Work& work, const Writer::Published& published = {}) {
    return writer_.run(work, published);
  }

  LiveCards& live_cards() { return live_; }
  SqliteChanges& sqlite_changes() { return changes_; }
  void count_pin_attempt() { ++pin_attempts_; }

 private:
  // In the order in which they are needed: the writer's thread ends first, the lock is released last.
  std::filesystem::path file_;
  LockFile lock_;
  Connection writing_;
  ChangeLog log_;
  Readers readers_;
  LiveCards live_;
  std::atomic<std::uint64_t> pin_attempts_{0};
  Writer writer_;
  SqliteChanges changes_;
  SqliteKeyLedger key_ledger_{*this};
};

/// A constraint that the code checks first, inside the same transaction, so that the sentence can name the
/// thing.
namespace rule {
Result<void> organisation_exists(Connection& db, const std::string& organisation);
Result<void> person_exists(Connection& db, const std::string& organisation,
                           const std::optional<std::string>& person);
Result<void> not_empty(const std::string& value, const char* what);
}  // namespace rule

/// Errors: `not_found`.
Result<CardRow> read_card(Connection& db, const std::string& id);
Result<Device> read_device(Connection& db, const std::string& id);

/// Inside a transaction, after the rules have been checked.
Result<void> insert_person(Connection& db, const Person& row);

/// Inside the transaction that changes a PIN: writes the copies that go with the new values, and ends the
/// issuance when it is over. Errors: `conflict` when `public_key` is not the card's any more.
Result<void> write_copies(Connection& db, const std::string& card, const Bytes& public_key,
                          const std::vector<SecretCopy>& copies);
/// Inside that transaction, before the copies. Errors: `conflict` when `was` is not the card's any more.
Result<void> renew_secret(Connection& db, const std::string& card, const Bytes& was, const NewSecret& secret);
/// Inside a transaction: the link is over, and the code used. Errors: those of Database::end_recovery.
Result<void> end_link(Connection& db, const RecoveryEnd& end);
/// To be called in every transaction that changes PINs or copies, at its end.
void settle_issuance(Connection& db, const std::string& card);

/// The card's new generation, after counting it up. Errors: `not_found`.
Result<std::uint64_t> bump_generation(Connection& db, const std::string& card);

}  // namespace cardea::store

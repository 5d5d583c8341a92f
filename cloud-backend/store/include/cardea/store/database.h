#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cardea/card/ports/clock.h"
#include "cardea/card/ports/store.h"
#include "cardea/result.h"
#include "cardea/store/changes.h"
#include "cardea/store/key_ledger.h"
#include "cardea/store/pin_records.h"
#include "cardea/store/rows.h"

namespace cardea::store {

struct Options {
  std::filesystem::path file;    ///< created when missing, mode 0600
  bool verify_integrity = true;  ///< run SQLite's quick check while opening
};

struct AuditQuery {
  std::optional<std::string> organisation;
  std::optional<std::string> card;
  std::uint64_t after = 0;  ///< only numbers above this
  std::size_t limit = 100;
  bool newest_first = false;
};

struct Stats {
  std::uint64_t commits = 0;  ///< database transactions made durable
  std::uint64_t writes = 0;   ///< callers served by them (group commit: writes ≥ commits)
  std::uint64_t wal_bytes = 0;
  std::uint64_t pin_comparisons = 0;  ///< how many tries were paid for: each is at most one comparison
};

/// The server's database: SQLite, WAL, synchronous=FULL, one writer with group commit. Thread-safe. One
/// process at a time (a lock file says so); a second one gets `conflict`.
///
/// Laws: a call that returned success is durable; a failed one changed nothing; `exhausted` when the disk is
/// full, and the database goes on working once there is room. Errors: `not_found`, `conflict` (a name or id
/// that exists), `invalid`, `corrupt`, `exhausted`, `unavailable`.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const Options& options);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  virtual ~Database() = default;

  virtual Result<void> add(const Organisation& row) = 0;
  virtual Result<std::vector<Organisation>> organisations() = 0;
  virtual Result<Organisation> organisation(const std::string& id_or_name) = 0;

  virtual Result<void> add(const Person& row) = 0;
  virtual Result<std::vector<Person>> people(const std::string& organisation) = 0;
  virtual Result<Person> person(const std::string& organisation, const std::string& id_or_email) = 0;

  // Every query below is scoped by organisation; the administrator's go through all of them.
  virtual Result<void> add(const CardRow& row) = 0;
  virtual Result<CardRow> card(const std::string& id) = 0;
  virtual Result<std::vector<CardRow>> cards(const std::string& organisation) = 0;
  virtual Result<std::vector<CardRow>> cards_of(const std::string& organisation,
                                                const std::string& person) = 0;
  virtual Result<std::vector<CardRow>> cards_in(const std::string& organisation, Issuance issuance) = 0;
  virtual Result<void> set_state(const std::string& card, CardState state) = 0;
  virtual Result<void> assign(const std::string& card, const std::optional<std::string>& holder) = 0;
  /// The card with its records, keys and PINs. Audit lines stay.
  virtual Result<void> delete_card(const std::string& id) = 0;

  /// The card that this device got for a request. Errors: `not_found`.
  virtual Result<CardRow> card_asked_for(const std::string& organisation, const std::string& device,
                                         const std::string& key) = 0;
  /// A blank card gets another request and label. Errors: `conflict` when it is not blank any more, or `was`
  /// is not its request any more.
  virtual Result<void> hand_out(const std::string& card, const std::optional<BlankRequest>& was,
                                const BlankRequest& now, const std::string& label) = 0;
  /// The device that a blank card was handed to has begun to write: it is blank no more. A card further on
  /// stays what it is. Errors: `not_found`; `conflict` when it was handed to another device.
  virtual Result<void> begin_issuing(const std::string& card, const std::string& device) = 0;
  /// A card that is being issued gets its holder and is issued, in one transaction. Where `new_person` says
  /// so, the person is added; the identifiers are theirs from then on. Errors: `conflict` when the card is
  /// not being issued, or somebody else of the organisation has an identifier or the e-mail
  /// address.
  virtual Result<void> finish_issuing(const std::string& card, const Person& person, bool new_person,
                                      const std::vector<PersonIdentifier>& identifiers) = 0;
  /// An issued card is in use from now on; any other stays what it is.
  virtual Result<void> take_into_use(const std::string& card) = 0;
  /// Everybody of the organisation whom this names: by identifier, and by e-mail address too.
  virtual Result<std::vector<Person>> people_known_as(const std::string& organisation,
                                                      const PersonIdentifier& identifier) = 0;

  /// The card has this secret from now on, and these holders of copies; those of an earlier one are gone.
  virtual Result<void> set_secret(const std::string& card, const Bytes& public_key,
                                  const std::vector<SecretCopy>& copies) = 0;
  /// Adds or replaces copies of the secret that the card has. Errors: `conflict` when that is not
  /// `public_key` any more.
  virtual Result<void> put_copies(const std::string& card, const Bytes& public_key,
                                  const std::vector<SecretCopy>& copies) = 0;
  /// Errors: `not_found`.
  virtual Result<Bytes> secret_copy(const std::string& card, const std::string& holder) = 0;
  /// Who has copies, in alphabetical order.
  virtual Result<std::vector<std::string>> secret_holders(const std::string& card) = 0;
  /// The copy of the issuance goes. By itself it goes with the first change after which neither PIN nor PUK
  /// has its factory value and both have copies. Errors: `conflict` while one of them has no copy: the keys
  /// would be lost.
  virtual Result<void> end_issuance(const std::string& card) = 0;
  /// For cards that are made later; nobody when there is none.
  virtual Result<void> set_escrow_key(const std::string& organisation, const Bytes& escrow_key) = 0;

  virtual Result<void> add(const Device& row) = 0;
  virtual Result<Device> device(const std::string& id) = 0;
  virtual Result<std::vector<Device>> devices(const std::string& organisation) = 0;
  virtual Result<void> revoke_device(const std::string& id, Time at) = 0;

  /// Removes, in the same transaction, all codes that had expired when this one was made.
  virtual Result<void> add(const EnrolmentCode& row) = 0;
  /// As it was added, also when it has expired meanwhile. Errors: `not_found`.
  virtual Result<EnrolmentCode> enrolment_code(const Bytes& hash) = 0;
  /// Redeems a code and adds the device in one transaction. `not_found` for an unknown or used code, `denied`
  /// for an expired one (which is removed); organisation, person and role of `device` are taken from the
  /// code.
  virtual Result<Device> redeem(const Bytes& code_hash, Device device, Time now) = 0;

  /// In place of what was there. Errors: `not_found`, `invalid`.
  virtual Result<void> set(const std::string& card, const RecoveryAnswers& row) = 0;
  virtual Result<RecoveryAnswers> recovery_answers(const std::string& card) = 0;
  /// All codes of a card, in place of those that were there.
  virtual Result<void> set(const std::string& card, const std::vector<RecoveryCode>& codes) = 0;
  /// How many codes are left.
  virtual Result<std::size_t> recovery_codes(const std::string& card) = 0;
  /// The copy of an unused code. Errors: `not_found`.
  virtual Result<Bytes> recovery_copy(const std::string& card, const Bytes& name) = 0;

  /// In place of the device's earlier one.
  virtual Result<void> set_half(const std::string& card, const std::string& device, const Bytes& copy) = 0;
  /// Errors: `not_found`.
  virtual Result<Bytes> recovery_half(const std::string& card, const std::string& device) = 0;
  /// How many devices that are not revoked have one.
  virtual Result<std::size_t> recovery_halves(const std::string& card) = 0;

  /// Errors: `exhausted` when the card got `most_a_day` links within 24 hours before this one was made.
  virtual Result<void> add(const RecoveryLink& row, std::size_t most_a_day) = 0;
  /// A link that may be tried. Errors: `not_found` for an unknown or ended one, `denied` for an expired one.
  virtual Result<RecoveryLink> recovery_link(const Bytes& hash, Time now) = 0;
  /// Takes one attempt, durably, before anything is compared; what is left then. Errors: as above;
  /// `exhausted` when none is left.
  virtual Result<RecoveryLink> spend_recovery_attempt(const Bytes& hash, Time now) = 0;
  /// Ends the link and, where a code was used, the code; `conflict` when another call was first.
  virtual Result<void> end_recovery(const Bytes& hash, const std::optional<Bytes>& code, Time now) = 0;

  /// What notices changes that were not made through this interface.
  virtual Changes& changes() = 0;

  /// Appends one line; `row.number` is chosen here.
  virtual Result<void> append(const AuditRow& row) = 0;
  virtual Result<std::vector<AuditRow>> audit(const AuditQuery& query) = 0;

  /// A card-os port of one card, and what its PINs need, over this database, which outlives them.
  virtual std::unique_ptr<card::Store> card_store(const std::string& card) = 0;
  virtual std::unique_ptr<PinRecords> pin_records(const std::string& card) = 0;

  /// Lists of keys besides the cards' own records.
  virtual KeyLedger& key_ledger() = 0;

  [[nodiscard]] virtual Stats stats() const = 0;
  /// Whether a trivial read and the disk for writing work: for /readyz.
  virtual Result<void> check() = 0;

 protected:
  Database() = default;
};

}  // namespace cardea::store

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::store {

/// What is kept of a PIN: nothing from which it could be computed or tested.
struct PinRecord {
  Bytes nonce;   ///< 16 octets; part of the identifier under which the record was registered
  Bytes ksf;     ///< how the client stretches the value, 9 octets
  Bytes record;  ///< OPAQUE registration record, 192 octets

  friend bool operator==(const PinRecord&, const PinRecord&) = default;
};

/// A PIN's record as it is now. Computing with it costs nothing as long as nobody is told the result.
struct PinExpectation {
  PinRecord record;
  card::PinStatus status;
};

/// Recognises a proof, and cannot be shown in its place.
using ProofDigest = std::array<std::uint8_t, 32>;

/// What a try that was paid for is waiting for. Whoever shows it within 24 hours was right.
struct AwaitedProof {
  std::uint64_t version = 0;  ///< of the value that is tried
  ProofDigest digest{};
  Time paid;
};

/// A try that was asked for.
struct PinAttempt {
  bool paid = false;         ///< there was one, and it is durably spent
  std::uint64_t number = 0;  ///< of the attempt among all of this value's
  PinRecord expected;        ///< where it was paid for
  card::PinStatus status;    ///< after the attempt
};

struct PinRecordUpdate {
  card::PinRef ref = card::PinRef::application;
  PinRecord record;
  bool factory_value = false;
  std::optional<unsigned> tries_max{};      ///< 1 to 255; the present limit when absent (3 for a new PIN)
  std::optional<SecretCopy> secret_copy{};  ///< the card's secret for whoever knows the new value
  std::optional<std::uint64_t> replaces{};  ///< see card::PinUpdate
  bool must_change = false;                 ///< somebody else than the card's holder has chosen the value
};

/// What a new PIN ends that was set without the old one.
struct RecoveryEnd {
  Bytes link;                 ///< its hash
  std::optional<Bytes> code;  ///< name of the printed code that was used
  Time now;
};

/// PINs of one card and their counters, as the database keeps them: half of card::PinVault's laws. Who
/// compares is another's affair (cardea/service/pins.h).
///
/// Laws: a paid attempt is durable before `spend` returns, and there are never more paid attempts than tries.
/// Attempts count in the order in which they were paid: a right one forgives itself and all before it, none
/// after it, whether that comes out at once or within the next 24 hours (`refund`; the newest eight attempts
/// that are not forgiven). `replace` applies all or none; versions grow, and an attempt on an older version
/// forgives nothing.
class PinRecords {
 public:
  PinRecords() = default;
  PinRecords(const PinRecords&) = delete;
  PinRecords& operator=(const PinRecords&) = delete;
  virtual ~PinRecords() = default;

  /// Errors: `not_found` when the PIN was never set.
  virtual Result<card::PinStatus> status(card::PinRef ref) = 0;
  virtual Result<PinExpectation> expectation(card::PinRef ref) = 0;
  virtual Result<PinAttempt> spend(card::PinRef ref) = 0;
  /// The same, and keeps the digest of the proof in the same transaction. Errors: `conflict` when the PIN has
  /// another version by now; nothing is spent then.
  virtual Result<PinAttempt> spend(card::PinRef ref, const AwaitedProof& proof) = 0;
  /// `forgive` for an attempt that is known by the digest of its proof only. No match: nothing is waiting for
  /// this proof (any more), and nothing was changed.
  virtual Result<card::PinVerdict> refund(card::PinRef ref, const ProofDigest& digest, Time now) = 0;
  /// The attempt was right. No match when the PIN has another value by now.
  virtual Result<card::PinVerdict> forgive(card::PinRef ref, const PinAttempt& attempt) = 0;
  /// Copies of the card's secret go into the same transaction; `public_key` is the secret's they are of.
  /// Errors: `invalid`; `conflict` when the card has another secret by now, or the PIN another version than
  /// the one that an update replaces.
  virtual Result<void> replace(std::span<const PinRecordUpdate> updates, const Bytes& public_key) = 0;
  /// The same, and in the same transaction the card has another secret than `public_key`'s, which the
  /// updates' copies are of. Those of the earlier one are gone.
  virtual Result<void> renew(std::span<const PinRecordUpdate> updates, const Bytes& public_key,
                             const NewSecret& secret) = 0;
  /// The same as `replace`, and in the same transaction the link ends, and the code if there was one: all of
  /// it or none. Errors: those of Database::end_recovery too.
  virtual Result<void> recover(const PinRecordUpdate& update, const Bytes& public_key,
                               const RecoveryEnd& end) = 0;
};

}  // namespace cardea::store

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::card {

/// Which reference data, by its number on the PIV card edge (SP 800-73-4 Part 1, table 4b).
enum class PinRef : std::uint8_t { application = 0x80, puk = 0x81 };

/// The PIN itself: for PINs that the card legitimately sees (inside a secure channel, off line, factory
/// values).
struct PlainPin {
  SecretBytes value;  ///< the raw reference data field, padding included
  /// It came encrypted through a secure channel that ends in this card: nobody on the way has read it.
  bool through_channel = false;
};

/// The first message of a PIN login. The vault spends the try that it is, and keeps its answer for whoever
/// runs the card; there is no match yet. A right PIN shows itself later, by a PinProof.
struct PinOpening {
  Bytes message;            ///< OPAQUE KE1 (RFC 9807)
  Bytes new_value;          ///< OPAQUE registration request for the value that is to come; may be empty
  bool well_formed = true;  ///< whether the value has the form that the profile asks for, says the client
  PinRef new_ref = PinRef::application;  ///< whose new value it is
  bool new_well_formed = true;           ///< the same of the new value
  bool new_factory_value = false;        ///< whether that is the one every card is made with
};

/// The login that was opened last for this PIN has been proven to whoever runs the card.
struct PinProof {};

/// A new value as its OPAQUE registration record: nobody can read the PIN from it.
struct PinRegistration {
  Bytes record;
  Bytes secret_copy;  ///< the card's secret for the holder of the new value (cardea/api/card_secret.h)
};

/// What the holder shows to prove knowledge of a PIN. The card passes it on and never looks inside.
using PinEvidence = std::variant<PlainPin, PinOpening, PinProof, PinRegistration>;

/// What came with a command in place of the PINs in its data field, which has zeroes where they were.
struct PinInput {
  PinEvidence shown;                       ///< PinOpening or PinProof
  std::optional<PinEvidence> replacement;  ///< PinRegistration, with a PinProof only
};

/// What is known of a PIN without knowing the PIN.
struct PinStatus {
  unsigned tries_left = 0;
  unsigned tries_max = 0;
  bool factory_value = false;  ///< the value that every card is made with
  bool must_change = false;    ///< its holder has not chosen it, or everybody knows it
  std::uint64_t version =
      0;  ///< from 1, grows with each new value: a session verified under an older one is not verified
};

struct PinVerdict {
  bool match = false;
  PinStatus status;   ///< after the attempt
  bool open = false;  ///< a try was spent on a PinOpening, and nobody knows yet
};

/// Where a new value comes from.
enum class PinSource {
  holder,         ///< a command, of whoever knows the value before or the PUK
  issuer,         ///< the card's administrator, through a GlobalPlatform channel
  card,           ///< nobody: the card brings the factory value, and keeps its keys
  factory_reset,  ///< nobody: and the keys are gone, so what the value before opened may be lost with it
};

/// A new value for one PIN; its counter becomes full.
struct PinUpdate {
  PinRef ref = PinRef::application;
  const PinEvidence* value = nullptr;  ///< not null
  bool factory_value = false;
  std::optional<unsigned> tries_max;  ///< 1 to 255; the present limit when absent (3 for a new PIN)
  /// The version that the PIN has to have still, 0 when it has to be one that was never set; any when absent.
  std::optional<std::uint64_t> replaces = std::nullopt;
  PinSource source = PinSource::holder;
};

/// PINs of one card and their try counters.
///
/// Laws, tested by tests/contract for each implementation:
///  1. `verify` makes the spent try durable before it compares, and restores it only after a match. Killed at
///  any
///     point, the counter is never above the truth.
///  2. With no tries left `verify` compares nothing: `match` is false even for the right value.
///  3. However many callers guess at once, the number of comparisons is at most the number of tries there
///  were.
///  4. `replace` applies all its updates or none, and durably; versions grow. Of two that replace the same
///     version one succeeds; the other is a `conflict`.
///  5. Time does not depend on how much of a wrong value is right.
///  6. A PinOpening is a try. Only the PinProof that follows it gives it back, and only while the PIN has the
///     value it was opened for.
///  7. Kinds of evidence that an implementation does not take are `denied`, and cost nothing.
class PinVault {
 public:
  PinVault() = default;
  PinVault(const PinVault&) = delete;
  PinVault& operator=(const PinVault&) = delete;
  virtual ~PinVault() = default;

  /// Errors: `not_found` when the PIN was never set.
  virtual Result<PinStatus> status(PinRef ref) = 0;

  virtual Result<PinVerdict> verify(PinRef ref, const PinEvidence& evidence) = 0;

  /// Errors: `conflict` when a PIN has not the version that an update replaces.
  virtual Result<void> replace(std::span<const PinUpdate> updates) = 0;

  /// Whether keys that need the PIN wait for a value of the holder's own: the card's issuer wants that, the
  /// card is not being issued any more, and one of its PINs is to be changed.
  virtual Result<bool> change_awaited() = 0;
};

}  // namespace cardea::card

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::card {

/// Which reference data, by its number on the PIV card edge (SP 800-73-4 Part 1, table 4b).
enum class PinRef : std::uint8_t { application = 0x80, puk = 0x81 };

/// The PIN itself: for PINs that the card legitimately sees (inside a secure channel, off line, and
/// everywhere until the OPAQUE login of step 2).
struct PlainPin {
  SecretBytes value;  ///< the raw reference data field, padding included
};

/// What the holder shows to prove knowledge of a PIN. The card passes it on and never looks inside.
using PinEvidence = std::variant<PlainPin>;

/// What is known of a PIN without knowing the PIN.
struct PinStatus {
  unsigned tries_left = 0;
  unsigned tries_max = 0;
  bool factory_value = false;  ///< still the value the card was made with
  std::uint64_t version =
      0;  ///< grows with each new value: a session verified under an older one is not verified
};

struct PinVerdict {
  bool match = false;
  PinStatus status;  ///< after the attempt
};

/// A new value for one PIN; its counter becomes full.
struct PinUpdate {
  PinRef ref = PinRef::application;
  const PinEvidence* value = nullptr;  ///< not null
  bool factory_value = false;
  std::optional<unsigned> tries_max;  ///< 1 to 255; the present limit when absent (3 for a new PIN)
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
///  4. `replace` applies all its updates or none, and durably; versions grow.
///  5. Time does not depend on how much of a wrong value is right.
class PinVault {
 public:
  PinVault() = default;
  PinVault(const PinVault&) = delete;
  PinVault& operator=(const PinVault&) = delete;
  virtual ~PinVault() = default;

  /// Errors: `not_found` when the PIN was never set.
  virtual Result<PinStatus> status(PinRef ref) = 0;

  virtual Result<PinVerdict> verify(PinRef ref, const PinEvidence& evidence) = 0;

  virtual Result<void> replace(std::span<const PinUpdate> updates) = 0;
};

}  // namespace cardea::card

#pragma once

#include <cstdint>
#include <variant>

#include "cardea/card/algorithm.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/result.h"

namespace cardea::card {

// What a card reports. Each is a fact, with nothing secret in it.

struct PinTried {
  PinRef ref = PinRef::application;
  bool match = false;
  unsigned tries_left = 0;
};
/// A PIN login was opened and a try spent on it. A right PIN is followed by PinTried; a wrong one by nothing.
struct PinChallenged {
  PinRef ref = PinRef::application;
  unsigned tries_left = 0;
};
/// CHANGE REFERENCE DATA, RESET RETRY COUNTER, SET PIN RETRIES.
struct PinReplaced {
  PinRef ref = PinRef::application;
};
struct AdministratorTried {
  bool match = false;
};
enum class KeyOperation : std::uint8_t { sign, decipher_or_sign_raw, agree, authenticate, attest };
struct KeyUsed {
  std::uint8_t reference = 0;
  Algorithm algorithm = Algorithm::rsa2048;
  KeyOperation operation = KeyOperation::sign;
  bool success = false;
};
enum class KeyOrigin : std::uint8_t { generated = 1, imported = 2 };
struct KeyReplaced {
  std::uint8_t reference = 0;
  Algorithm algorithm = Algorithm::rsa2048;
  KeyOrigin origin = KeyOrigin::generated;
};
struct KeyDeleted {
  std::uint8_t reference = 0;
};
struct ObjectWritten {
  std::uint32_t tag = 0;
  std::uint32_t size = 0;  ///< 0: deleted
};
/// Back to the factory state.
struct CardWiped {};

using AuditEvent = std::variant<PinTried, PinChallenged, PinReplaced, AdministratorTried, KeyUsed,
                                KeyReplaced, KeyDeleted, ObjectWritten, CardWiped>;

/// Law: `record` returns success only once the event is durable. The card withholds the result of a key
/// operation whose event could not be recorded.
class Audit {
 public:
  Audit() = default;
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;
  virtual ~Audit() = default;

  virtual Result<void> record(const AuditEvent& event) = 0;
};

}  // namespace cardea::card

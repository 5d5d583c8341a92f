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
/// GlobalPlatform: somebody tried to open a secure channel with the keys of the security domain.
struct ChannelTried {
  std::uint8_t key_version = 0;
  std::uint8_t level = 0;  ///< security level that was asked for
  bool match = false;
};
/// PUT KEY.
struct KeySetReplaced {
  std::uint8_t version = 0;
  std::uint8_t replaced = 0;  ///< the version that went away for it; 00: none
  Algorithm algorithm = Algorithm::aes128;
};
struct KeySetDeleted {
  std::uint8_t version = 0;
};
/// SET STATUS of the card, in GlobalPlatform's numbers.
struct CardStateChanged {
  std::uint8_t from = 0;
  std::uint8_t to = 0;
};
/// The same of the application: locked, unlocked, installed, deleted (00).
struct ApplicationStateChanged {
  std::uint8_t from = 0;
  std::uint8_t to = 0;
};
/// STORE DATA to the security domain.
struct DomainDataWritten {
  std::uint32_t tag = 0;
  std::uint32_t size = 0;  ///< 0: deleted
};

using AuditEvent =
    std::variant<PinTried, PinChallenged, PinReplaced, AdministratorTried, KeyUsed, KeyReplaced, KeyDeleted,
                 ObjectWritten, CardWiped, ChannelTried, KeySetReplaced, KeySetDeleted, CardStateChanged,
                 ApplicationStateChanged, DomainDataWritten>;

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

#pragma once

#include <cstdint>

#include "cardea/card/ports/audit.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::card::piv {

/// When a key wants the PIN. Numbers are Yubico's; what is stored is never "default".
enum class PinPolicy : std::uint8_t { never = 1, once = 2, always = 3 };

/// A virtual card has no button: kept and reported.
enum class TouchPolicy : std::uint8_t { never = 1, always = 2, cached = 3 };

/// What the card keeps of one key. Stored as record (key, key reference).
struct KeyRecord {
  KeyHandle handle;
  KeyOrigin origin = KeyOrigin::generated;
  PinPolicy pin_policy = PinPolicy::once;
  TouchPolicy touch_policy = TouchPolicy::never;
  bool factory_value = false;  ///< the management key that everybody knows
};

/// The stored form: version octet 1, then fixed fields, then the sealed key and the public key with their
/// lengths. One record has one encoding.
Bytes encode(const KeyRecord& record);

/// `corrupt` for anything that `encode` does not write.
Result<KeyRecord> decode_key_record(BytesView octets);

}  // namespace cardea::card::piv

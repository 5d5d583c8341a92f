#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/card/ports.h"
#include "piv/key_record.h"

namespace cardea::card::piv {

/// Imports the management key that every card is delivered with: triple DES, 01 to 08 three times.
Result<KeyRecord> import_factory_management_key(KeyVault& keys, std::uint64_t version);

/// Whether it is that key: as triple DES, whatever its parity bits, or as AES-192, which has the same value
/// in newer factories. In constant time.
bool is_factory_management_key(Algorithm algorithm, BytesView key);

/// The records of a new card except its card record: management key and discovery object.
std::vector<Change> factory_records(const KeyRecord& management_key);

/// The version of what a PIN is now; 0 when it was never set.
Result<std::uint64_t> pin_version(PinVault& pins, PinRef reference);

/// Versions of the values that new ones take the place of; absent: whatever they are.
struct ReplacedPins {
  std::optional<std::uint64_t> application;
  std::optional<std::uint64_t> puk;
};

Result<ReplacedPins> present_pins(PinVault& pins);

/// PIN 123456 and PUK 12345678, three tries each, both known to everybody.
Result<void> set_factory_pins(PinVault& pins, const ReplacedPins& replaced = {});

}  // namespace cardea::card::piv

#pragma once

#include <cstdint>
#include <map>

#include "cardea/card/ports/pin_vault.h"
#include "cardea/test/medium.h"

namespace cardea::test {

/// PINs in memory, with every law of card::PinVault. `verify` takes two durable steps when the value is right
/// (spend, restore) and one when it is wrong, so a Medium failure can hit either side of the comparison.
class MemoryPinVault final : public card::PinVault {
 public:
  explicit MemoryPinVault(Medium& medium) : medium_{medium} {}

  Result<card::PinStatus> status(card::PinRef ref) override;
  Result<card::PinVerdict> verify(card::PinRef ref, const card::PinEvidence& evidence) override;
  Result<void> replace(std::span<const card::PinUpdate> updates) override;
  Result<bool> change_awaited() override;

  /// Whether the issuer wants values of the holder's own.
  void await_changes(bool on) { await_changes_ = on; }

  /// How often a value was compared, ever.
  [[nodiscard]] std::uint64_t comparisons() const;
  /// How many of those matched.
  [[nodiscard]] std::uint64_t matches() const;

 private:
  struct Entry {
    SecretBytes value;
    card::PinStatus status;
  };

  Medium& medium_;
  std::map<card::PinRef, Entry> entries_;
  std::uint64_t comparisons_ = 0;
  std::uint64_t matches_ = 0;
  bool await_changes_ = false;
};

}  // namespace cardea::test

#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "cardea/card/ports/pin_vault.h"
#include "cardea/result.h"

namespace cardea::store {

/// How a PIN is hashed; kept beside each hash, so that these may be raised for new values.
struct PinHashCost {
  std::int64_t passes = 2;
  std::int64_t memory = std::int64_t{19} << 20U;  ///< octets
};

struct PinHash {
  PinHashCost cost;
  std::array<std::uint8_t, 16> salt{};
  std::array<std::uint8_t, 32> hash{};
};

/// Argon2id (RFC 9106) with one lane over what the holder shows. 19 MiB and two passes are the least that
/// OWASP's password storage guide accepts; a PIN of few digits is protected by its try counter, not by this,
/// so more would buy nothing but load. At most `lanes` computations run at once: each needs its 19 MiB.
class PinHasher {
 public:
  explicit PinHasher(unsigned lanes);

  /// A new hash under a fresh salt.
  Result<PinHash> make(const card::PinEvidence& evidence);
  /// Whether the evidence is of the same PIN. Time depends on the cost alone.
  Result<bool> matches(const card::PinEvidence& evidence, const PinHash& expected);

  /// How often `matches` compared.
  [[nodiscard]] std::uint64_t comparisons();

 private:
  Result<void> compute(const card::PinEvidence& evidence, const PinHashCost& cost,
                       const std::array<std::uint8_t, 16>& salt, std::array<std::uint8_t, 32>& hash);

  std::mutex mutex_;
  std::condition_variable free_;
  unsigned lanes_;
  std::uint64_t comparisons_ = 0;
};

}  // namespace cardea::store

#pragma once

#include <cstdint>

#include "cardea/card/ports/store.h"
#include "cardea/result.h"

namespace cardea::card::gp {

/// How many secure channels each key set has opened.
///
/// Laws:
///  1. A counter nobody has advanced is 0; `advance(version, n)` makes it n + 1 and is durable on return.
///  2. `conflict` when the counter is not `from` any more: another session of the card was faster. Nothing
///     changes then, nor when the call fails otherwise.
class SequenceCounters {
 public:
  SequenceCounters() = default;
  SequenceCounters(const SequenceCounters&) = delete;
  SequenceCounters& operator=(const SequenceCounters&) = delete;
  virtual ~SequenceCounters() = default;

  virtual Result<std::uint32_t> current(std::uint8_t key_version) = 0;
  virtual Result<void> advance(std::uint8_t key_version, std::uint32_t from) = 0;
};

/// Counters as records of the card, one a key version. A key set that is replaced starts anew when the record
/// of its version is erased in the same transaction.
class StoredSequenceCounters final : public SequenceCounters {
 public:
  explicit StoredSequenceCounters(Store& store) : store_{store} {}

  Result<std::uint32_t> current(std::uint8_t key_version) override;
  Result<void> advance(std::uint8_t key_version, std::uint32_t from) override;

  /// Where the counter stands: version octet 1, then four octets.
  static constexpr RecordId record(std::uint8_t key_version) {
    return {RecordSpace::card, 0x47500000U | key_version};
  }

 private:
  Store& store_;
};

}  // namespace cardea::card::gp

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/store/pin_records.h"

namespace cardea::store {

/// The proofs that one PIN's tries are still waiting for, as its row keeps them: in the order of the tries.
class AwaitedProofs {
 public:
  /// Errors: `corrupt`.
  static Result<AwaitedProofs> parse(BytesView octets);
  [[nodiscard]] Bytes encode() const;

  /// One more. Drops what is older than a day, and the oldest where there are more than eight.
  void add(std::uint64_t attempt, const AwaitedProof& proof);
  /// The tries up to this one have come back.
  void drop_up_to(std::uint64_t attempt);
  /// The number of the try that this proof was awaited for, not older than a day. Takes the same time
  /// wherever it stands.
  [[nodiscard]] std::optional<std::uint64_t> find(const ProofDigest& digest, Time now) const;

 private:
  struct Entry {
    std::uint64_t attempt = 0;
    Time paid;
    ProofDigest digest{};
  };
  std::vector<Entry> entries_;
};

}  // namespace cardea::store

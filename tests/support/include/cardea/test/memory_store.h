#pragma once

#include <map>

#include "cardea/card/ports/store.h"
#include "cardea/test/medium.h"

namespace cardea::test {

/// Records in memory, with every law of card::Store and with failures on demand (Medium).
class MemoryStore final : public card::Store {
 public:
  explicit MemoryStore(Medium& medium) : medium_{medium} {}

  Result<std::optional<Bytes>> get(card::RecordId id) override;
  Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override;
  Result<void> commit_if(std::span<const card::Condition> conditions,
                         std::span<const card::Change> changes) override;
  Result<std::uint64_t> generation() override;

  /// Everything there is, for comparisons of whole states.
  [[nodiscard]] std::map<card::RecordId, Bytes> snapshot() const;

 private:
  Medium& medium_;
  std::map<card::RecordId, Bytes> records_;
};

}  // namespace cardea::test

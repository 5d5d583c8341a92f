#include "cardea/test/memory_store.h"

namespace cardea::test {

Result<std::optional<Bytes>> MemoryStore::get(card::RecordId id) {
  const auto held = medium_.lock();
  const auto it = records_.find(id);
  if (it == records_.end()) return std::optional<Bytes>{};
  return std::optional<Bytes>{it->second};
}

Result<std::vector<std::uint32_t>> MemoryStore::list(card::RecordSpace space) {
  const auto held = medium_.lock();
  std::vector<std::uint32_t> out;
  for (const auto& [id, value] : records_) {
    if (id.space == space) out.push_back(id.id);
  }
  return out;
}

Result<void> MemoryStore::commit_if(std::span<const card::Condition> conditions,
                                    std::span<const card::Change> changes) {
  const auto held = medium_.lock();
  for (const auto& condition : conditions) {
    const auto it = records_.find(condition.id);
    const bool holds =
        condition.value ? it != records_.end() && it->second == *condition.value : it == records_.end();
    if (!holds) return fail(Errc::conflict, "the record was changed meanwhile");
  }
  CARDEA_CHECK(medium_.step());
  for (const auto& change : changes) {
    if (change.value) {
      records_[change.id] = *change.value;
    } else {
      records_.erase(change.id);
    }
  }
  return {};
}

Result<std::uint64_t> MemoryStore::generation() {
  return medium_.generation();
}

std::map<card::RecordId, Bytes> MemoryStore::snapshot() const {
  const auto held = medium_.lock();
  return records_;
}

}  // namespace cardea::test

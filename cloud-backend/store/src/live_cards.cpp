#include "live_cards.h"

#include <utility>

namespace cardea::store {

namespace {

// What a record costs beside its value: a tree node, roughly.
constexpr std::size_t kOverhead = 80;

std::vector<std::uint32_t> ids_in(const Records& records, card::RecordSpace space) {
  std::vector<std::uint32_t> ids;
  for (auto it = records.lower_bound({space, 0}); it != records.end() && it->first.space == space; ++it) {
    ids.push_back(it->first.id);
  }
  return ids;
}

std::optional<Bytes> value_in(const Records& records, card::RecordId id) {
  const auto found = records.find(id);
  if (found == records.end()) return std::nullopt;
  return found->second;
}

}  // namespace

Result<std::uint64_t> LiveCard::generation(const Load& load) {
  if (const auto known = generation_.load(std::memory_order_acquire); known != 0) return known;
  const std::lock_guard lock{mutex_};
  CARDEA_CHECK(ensure_generation(load));
  return generation_.load(std::memory_order_relaxed);
}

Result<std::optional<Bytes>> LiveCard::get(card::RecordId id, const Load& load) {
  const std::lock_guard lock{mutex_};
  CARDEA_CHECK(ensure_generation(load));
  if (records_) return value_in(*records_, id);
  CARDEA_TRY(const Snapshot snapshot, load());
  return value_in(snapshot.records, id);
}

Result<std::vector<std::uint32_t>> LiveCard::list(card::RecordSpace space, const Load& load) {
  const std::lock_guard lock{mutex_};
  CARDEA_CHECK(ensure_generation(load));
  if (records_) return ids_in(*records_, space);
  CARDEA_TRY(const Snapshot snapshot, load());
  return ids_in(snapshot.records, space);
}

void LiveCard::publish(std::uint64_t generation, std::span<const card::Change> changes) noexcept {
  const std::lock_guard lock{mutex_};
  const auto known = generation_.load(std::memory_order_relaxed);
  if (known == 0 || generation <= known) return;  // not loaded, or loaded after this commit
  try {
    if (records_) {
      for (const auto& change : changes)
        apply(change);
    }
  } catch (const std::exception&) {
    drop_records();  // half a commit must not be seen; the database has all of it
  }
  generation_.store(generation, std::memory_order_release);
}

void LiveCard::forget() noexcept {
  const std::lock_guard lock{mutex_};
  drop_records();
  generation_.store(0, std::memory_order_release);
}

Result<void> LiveCard::ensure_generation(const Load& load) {
  if (generation_.load(std::memory_order_relaxed) != 0) return {};
  CARDEA_TRY(Snapshot snapshot, load());
  keep(std::move(snapshot.records));
  generation_.store(snapshot.generation, std::memory_order_release);
  return {};
}

void LiveCard::keep(Records records) {
  std::size_t bytes = 0;
  for (const auto& entry : records)
    bytes += entry.second.size() + kOverhead;
  if (bytes_in_use_.load() + bytes > LiveCards::kBudget) return;
  bytes_ = bytes;
  bytes_in_use_ += bytes;
  records_ = std::move(records);
}

void LiveCard::drop_records() noexcept {
  records_.reset();
  bytes_in_use_ -= std::exchange(bytes_, 0);
}

void LiveCard::apply(const card::Change& change) {
  const auto old = records_->find(change.id);
  if (old != records_->end()) {
    const auto freed = old->second.size() + kOverhead;
    records_->erase(old);
    bytes_ -= freed;
    bytes_in_use_ -= freed;
  }
  if (!change.value) return;
  records_->emplace(change.id, *change.value);
  const auto added = change.value->size() + kOverhead;
  bytes_ += added;
  bytes_in_use_ += added;
}

std::shared_ptr<LiveCard> LiveCards::open(const std::string& id) {
  const std::lock_guard lock{mutex_};
  auto& slot = cards_[id];
  if (auto live = slot.lock()) return live;
  const std::shared_ptr<LiveCard> fresh{new LiveCard{bytes_in_use_},
                                        [this, id](LiveCard* card) { close(id, card); }};
  slot = fresh;
  return fresh;
}

void LiveCards::close(const std::string& id, LiveCard* card) {
  {
    const std::lock_guard lock{mutex_};
    // Meanwhile somebody may have opened the card anew.
    if (const auto it = cards_.find(id); it != cards_.end() && it->second.expired()) cards_.erase(it);
  }
  delete card;  // NOLINT(*-owning-memory): the shared pointer's deleter
}

std::shared_ptr<LiveCard> LiveCards::find(const std::string& id) {
  const std::lock_guard lock{mutex_};
  const auto it = cards_.find(id);
  return it == cards_.end() ? nullptr : it->second.lock();
}

void LiveCards::publish(const std::string& id, std::uint64_t generation,
                        std::span<const card::Change> changes) noexcept {
  if (const auto live = find(id)) live->publish(generation, changes);
}

void LiveCards::forget(const std::string& id) noexcept {
  if (const auto live = find(id)) live->forget();
}

void LiveCards::forget_all() {
  std::vector<std::shared_ptr<LiveCard>> all;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [id, card] : cards_)
      if (auto live = card.lock()) all.push_back(std::move(live));
  }
  for (const auto& live : all)
    live->forget();
}

std::size_t LiveCards::size() {
  const std::lock_guard lock{mutex_};
  return cards_.size();
}

}  // namespace cardea::store

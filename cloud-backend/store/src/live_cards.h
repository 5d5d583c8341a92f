#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cardea/card/ports/store.h"

namespace cardea::store {

using Records = std::map<card::RecordId, Bytes>;

/// A card's records as of one generation.
struct Snapshot {
  std::uint64_t generation = 0;  ///< at least 1
  Records records;
};

/// What is kept in memory of one card while somebody has it open: its generation, and its records when there
/// is room.
///
/// Coherence: the writer publishes each commit after it is durable and before its caller is answered. A
/// snapshot is read under this object's lock; a publication older than the snapshot is dropped, a newer one
/// waits for the lock and is applied. So what is read here is never older than the last commit that was
/// answered.
class LiveCard {
 public:
  using Load = std::function<Result<Snapshot>()>;

  explicit LiveCard(std::atomic<std::size_t>& bytes_in_use) : bytes_in_use_{bytes_in_use} {}
  LiveCard(const LiveCard&) = delete;
  LiveCard& operator=(const LiveCard&) = delete;
  ~LiveCard() { drop_records(); }

  /// `load` is asked when nothing is known yet.
  Result<std::uint64_t> generation(const Load& load);
  Result<std::optional<Bytes>> get(card::RecordId id, const Load& load);
  Result<std::vector<std::uint32_t>> list(card::RecordSpace space, const Load& load);

  /// A durable commit that led to `generation`.
  void publish(std::uint64_t generation, std::span<const card::Change> changes) noexcept;
  /// Forgets everything: the card is gone.
  void forget() noexcept;

 private:
  Result<void> ensure_generation(const Load& load);
  void keep(Records records);
  void drop_records() noexcept;
  void apply(const card::Change& change);

  std::atomic<std::size_t>& bytes_in_use_;
  std::atomic<std::uint64_t> generation_ = 0;  ///< 0: not known
  std::mutex mutex_;
  std::optional<Records> records_;  ///< empty: read them each time
  std::size_t bytes_ = 0;
};

/// The cards that have a session. Outlives them.
class LiveCards {
 public:
  /// Records are kept in memory up to this much in all; cards opened beyond it read the database each time.
  static constexpr std::size_t kBudget = std::size_t{256} << 20U;

  std::shared_ptr<LiveCard> open(const std::string& id);
  void publish(const std::string& id, std::uint64_t generation,
               std::span<const card::Change> changes) noexcept;
  void forget(const std::string& id) noexcept;
  void forget_all();
  [[nodiscard]] std::size_t size();

 private:
  std::shared_ptr<LiveCard> find(const std::string& id);
  void close(const std::string& id, LiveCard* card);

  std::mutex mutex_;
  std::atomic<std::size_t> bytes_in_use_ = 0;
  std::unordered_map<std::string, std::weak_ptr<LiveCard>> cards_;
};

}  // namespace cardea::store

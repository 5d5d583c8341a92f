#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::identity {

/// Remembers the one-time identifiers ("jti") of tokens until the tokens would be refused for their age
/// anyway. Bounded, in all and for each owner: refuses new ones when full rather than forgetting one that
/// could be played again, and an owner who uses up what is theirs locks out nobody else. Thread-safe.
class ReplayCache {
 public:
  ReplayCache(std::size_t capacity, std::size_t per_owner) : capacity_{capacity}, per_owner_{per_owner} {}

  /// Errors: `denied` for an identifier of `owner` that was seen and is still remembered; `exhausted` when
  /// the owner, or all together, have as many as are remembered.
  Result<void> use(std::string_view owner, std::string_view jti, store::Time until, store::Time now);

 private:
  void forget_before(store::Time now);

  struct Entry {
    std::string owner;
    std::string key;
  };

  std::size_t capacity_;
  std::size_t per_owner_;
  std::mutex mutex_;
  std::unordered_set<std::string> seen_;
  std::unordered_map<std::string, std::size_t> counts_;  ///< by owner; none is zero
  std::multimap<store::Time, Entry> by_age_;
};

}  // namespace cardea::identity

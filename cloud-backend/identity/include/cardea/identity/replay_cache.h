#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::identity {

/// Remembers the one-time identifiers ("jti") of tokens until the tokens would be refused for their age
/// anyway. Bounded: refuses new ones when full rather than forgetting one that could be played again.
/// Thread-safe.
class ReplayCache {
 public:
  explicit ReplayCache(std::size_t capacity) : capacity_{capacity} {}

  /// Errors: `denied` for an identifier of `owner` that was seen and is still remembered; `exhausted`.
  Result<void> use(std::string_view owner, std::string_view jti, store::Time until, store::Time now);

 private:
  void forget_before(store::Time now);

  std::size_t capacity_;
  std::mutex mutex_;
  std::unordered_set<std::string> seen_;
  std::multimap<store::Time, std::string> by_age_;
};

}  // namespace cardea::identity

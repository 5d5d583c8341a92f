#include "cardea/identity/replay_cache.h"

namespace cardea::identity {

Result<void> ReplayCache::use(std::string_view owner, std::string_view jti, store::Time until,
                              store::Time now) {
  std::string key{owner};
  key += '/';  // not in a thumbprint, so no two pairs make one key
  key += jti;
  const std::lock_guard lock{mutex_};
  forget_before(now);
  if (seen_.contains(key)) return fail(Errc::denied, "the token was used before");
  if (seen_.size() >= capacity_) return fail(Errc::exhausted, "too many tokens are being used at once");
  const auto count = counts_.find(std::string{owner});
  if (count != counts_.end() && count->second >= per_owner_)
    return fail(Errc::exhausted, "the device uses too many tokens at once");
  by_age_.emplace(until, Entry{std::string{owner}, key});
  ++counts_[std::string{owner}];
  seen_.insert(std::move(key));
  return {};
}

void ReplayCache::forget_before(store::Time now) {
  while (!by_age_.empty() && by_age_.begin()->first < now) {
    const auto& oldest = by_age_.begin()->second;
    seen_.erase(oldest.key);
    const auto count = counts_.find(oldest.owner);
    if (--count->second == 0) counts_.erase(count);
    by_age_.erase(by_age_.begin());
  }
}

}  // namespace cardea::identity

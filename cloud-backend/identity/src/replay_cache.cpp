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
  by_age_.emplace(until, key);
  seen_.insert(std::move(key));
  return {};
}

void ReplayCache::forget_before(store::Time now) {
  while (!by_age_.empty() && by_age_.begin()->first < now) {
    seen_.erase(by_age_.begin()->second);
    by_age_.erase(by_age_.begin());
  }
}

}  // namespace cardea::identity

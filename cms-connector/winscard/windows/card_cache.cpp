#include "card_cache.h"

#include "winscard_api.h"

namespace cardea::winscard {

pcsc_link::Code CardCache::write(const CardIdentifier& card, std::uint32_t freshness, const std::string& name,
                                 BytesView data) {
  if (data.size() > kLargest) return windows_code::kCacheItemTooBig;
  const std::lock_guard lock{mutex_};
  if (items_.size() >= kMost) items_.clear();  // it is a cache
  items_[{card, name}] = {freshness, to_bytes(data)};
  return pcsc_link::code::kSuccess;
}

pcsc_link::Code CardCache::read(const CardIdentifier& card, std::uint32_t freshness, const std::string& name,
                                Bytes& data) {
  const std::lock_guard lock{mutex_};
  const auto at = items_.find({card, name});
  if (at == items_.end()) return windows_code::kCacheItemNotFound;
  if (at->second.freshness != freshness) {
    items_.erase(at);
    return windows_code::kCacheItemStale;
  }
  data = at->second.data;
  return pcsc_link::code::kSuccess;
}

}  // namespace cardea::winscard

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "cardea/bytes.h"
#include "cardea/pcsc_link/vocabulary.h"

namespace cardea::winscard {

/// SCardReadCache and SCardWriteCache: what programs know of a card's content, by card, name and freshness
/// counter. Of this process, where Windows has one for all; a program that finds nothing asks the card.
/// Thread-safe.
class CardCache {
 public:
  using CardIdentifier = std::array<std::uint8_t, 16>;

  static constexpr std::size_t kLargest = 64U << 10U;
  static constexpr std::size_t kMost = 1024;

  /// Codes: kCacheItemTooBig.
  pcsc_link::Code write(const CardIdentifier& card, std::uint32_t freshness, const std::string& name,
                        BytesView data);
  /// Codes: kCacheItemNotFound; kCacheItemStale, after which it is gone.
  pcsc_link::Code read(const CardIdentifier& card, std::uint32_t freshness, const std::string& name,
                       Bytes& data);

 private:
  struct Item {
    std::uint32_t freshness = 0;
    Bytes data;
  };
  std::mutex mutex_;
  std::map<std::pair<CardIdentifier, std::string>, Item> items_;  // guarded by mutex_
};

}  // namespace cardea::winscard

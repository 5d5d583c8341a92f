#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace cardea::api {

/// The access tokens of this process, by server and device: each card session has a Client of its own, and
/// all of a device's may use one token. Thread-safe.
class TokenCache {
 public:
  /// A token is not handed out in its last moments, so that it is still good when it arrives.
  static constexpr std::chrono::seconds kMargin{30};

  static TokenCache& of_process() {
    static TokenCache cache;
    return cache;
  }

  std::optional<std::string> find(const std::string& owner, std::chrono::seconds now) {
    const std::lock_guard lock{mutex_};
    const auto kept = tokens_.find(owner);
    // A clock that was set back makes no token younger than it can be.
    const bool good = kept != tokens_.end() && now >= kept->second.from && now + kMargin < kept->second.until;
    if (!good) return std::nullopt;
    return kept->second.token;
  }
  void keep(const std::string& owner, std::string token, std::chrono::seconds now,
            std::chrono::seconds lifetime) {
    const std::lock_guard lock{mutex_};
    tokens_[owner] = Kept{std::move(token), now, now + lifetime};
  }
  /// Forgets this token; another one that came in its place meanwhile stays.
  void drop(const std::string& owner, const std::string& token) {
    const std::lock_guard lock{mutex_};
    const auto kept = tokens_.find(owner);
    if (kept != tokens_.end() && kept->second.token == token) tokens_.erase(kept);
  }

 private:
  struct Kept {
    std::string token;
    std::chrono::seconds from;
    std::chrono::seconds until;
  };
  std::mutex mutex_;
  std::map<std::string, Kept> tokens_;
};

}  // namespace cardea::api

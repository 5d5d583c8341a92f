#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "cardea/vault/vault.h"

namespace cardea::vault {

/// Which versions of the tenants' keys count, as the server was told. Thread-safe.
class Versions {
 public:
  [[nodiscard]] KekVersions of(const std::string& organisation) const {
    const std::shared_lock lock{mutex_};
    const auto found = versions_.find(organisation);
    return found == versions_.end() ? KekVersions{} : found->second;
  }
  void set(const std::string& organisation, KekVersions versions) {
    const std::unique_lock lock{mutex_};
    versions_[organisation] = versions;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, KekVersions> versions_;
};

}  // namespace cardea::vault

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cardea/card/ports/forwarding_key_vault.h"
#include "cardea/store/changes.h"

namespace cardea::service {

/// No key is used while a row of its card is not what the server wrote.
class GuardedKeys final : public card::ForwardingKeyVault {
 public:
  GuardedKeys(std::unique_ptr<card::KeyVault> inner, store::Changes& changes, std::string card,
              std::string device)
      : inner_{std::move(inner)}, changes_{changes}, card_{std::move(card)}, device_{std::move(device)} {}

 protected:
  [[nodiscard]] Result<card::KeyVault*> behind() const override { return inner_.get(); }
  Result<card::KeyHandle> use(const card::KeyHandle& key) override {
    CARDEA_CHECK(changes_.check_card(card_, device_));
    return key;
  }

 private:
  std::unique_ptr<card::KeyVault> inner_;
  store::Changes& changes_;
  std::string card_;
  std::string device_;
};

}  // namespace cardea::service

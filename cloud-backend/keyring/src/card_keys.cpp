#include "card_keys.h"

#include <utility>

namespace cardea::keyring {

using card::Algorithm;
using card::KeyHandle;
using card::KeySlot;

Keyring::CardKeys::CardKeys(Keyring& ring, std::string organisation, std::string card)
    : ring_{ring}, organisation_{std::move(organisation)}, card_{std::move(card)} {
  (void)behind();
}

Result<card::KeyVault*> Keyring::CardKeys::behind() const {
  if (!inner_) {
    CARDEA_TRY(auto* vault, ring_.vault());
    inner_ = vault->keys_of(organisation_, card_);
  }
  return inner_.get();
}

Result<KeyHandle> Keyring::CardKeys::generate(KeySlot slot, Algorithm algorithm) {
  CARDEA_CHECK(behind());
  CARDEA_TRY(auto spare, ring_.take_spare(organisation_, card_, slot, algorithm));
  if (spare) return made(*std::move(spare));
  return ForwardingKeyVault::generate(slot, algorithm);
}

Result<KeyHandle> Keyring::CardKeys::made(KeyHandle key) {
  return ring_.place(organisation_, card_, std::move(key));
}

void Keyring::CardKeys::end_session() noexcept {
  if (inner_) inner_->end_session();  // a vault that is still closed keeps nothing
}

Result<void> Keyring::CardKeys::discard(const KeyHandle& key) {
  return ring_.discard(organisation_, card_, key.slot);
}

}  // namespace cardea::keyring

#pragma once

#include "cardea/card/ports/forwarding_key_vault.h"
#include "cardea/keyring/keyring.h"

namespace cardea::keyring {

/// One card's keys: from the pool where it can, into the HSM where the organisation wants that. Card
/// management keys (symmetric) go through as they are: every card has one, nobody counts them among its keys,
/// and capacity is short.
class Keyring::CardKeys final : public card::ForwardingKeyVault {
 public:
  CardKeys(Keyring& ring, std::string organisation, std::string card);

  Result<card::KeyHandle> generate(card::KeySlot slot, card::Algorithm algorithm) override;
  void end_session() noexcept override;
  Result<void> discard(const card::KeyHandle& key) override;

 protected:
  /// The vault's own port of this card, once the vault is open.
  [[nodiscard]] Result<card::KeyVault*> behind() const override;
  Result<card::KeyHandle> made(card::KeyHandle key) override;

 private:
  Keyring& ring_;
  const std::string organisation_;
  const std::string card_;
  mutable std::unique_ptr<card::KeyVault> inner_;
};

}  // namespace cardea::keyring

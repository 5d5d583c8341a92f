#pragma once

#include "cardea/keyring/keyring.h"

namespace cardea::keyring {

/// One card's keys: from the pool where it can, into the HSM where the organisation wants that.
class Keyring::CardKeys final : public card::KeyVault {
 public:
  CardKeys(Keyring& ring, std::string organisation, std::string card);

  [[nodiscard]] bool supports(card::Algorithm algorithm) const override;
  Result<card::KeyHandle> generate(card::KeySlot slot, card::Algorithm algorithm) override;
  Result<card::KeyHandle> import_rsa(card::KeySlot slot, card::Algorithm algorithm,
                                     const card::RsaPrivateParts& parts) override;
  Result<card::KeyHandle> import_ec(card::KeySlot slot, card::Algorithm algorithm,
                                    const SecretBytes& scalar) override;
  Result<card::KeyHandle> import_symmetric(card::KeySlot slot, card::Algorithm algorithm,
                                           const SecretBytes& key) override;
  Result<SecretBytes> rsa_private(const card::KeyHandle& key, BytesView block) override;
  Result<Bytes> ecdsa_sign(const card::KeyHandle& key, BytesView digest) override;
  Result<SecretBytes> ecdh(const card::KeyHandle& key, BytesView peer) override;
  Result<SecretBytes> encrypt_block(const card::KeyHandle& key, BytesView block) override;
  Result<Bytes> eddsa_sign(const card::KeyHandle& key, BytesView message) override;
  Result<Bytes> attest(const card::KeyHandle& key, const card::AttestationFacts& facts) override;
  Result<Bytes> attestation_certificate() override;
  void end_session() noexcept override;
  Result<void> discard(const card::KeyHandle& key) override;

 private:
  /// The vault's own port of this card, once the vault is open.
  [[nodiscard]] Result<card::KeyVault*> inner() const;

  Keyring& ring_;
  const std::string organisation_;
  const std::string card_;
  mutable std::unique_ptr<card::KeyVault> inner_;
};

}  // namespace cardea::keyring

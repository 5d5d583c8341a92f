#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cardea/card/ports/key_vault.h"
#include "cardea/store/changes.h"

namespace cardea::service {

/// No key is used while a row of its card is not what the server wrote.
class GuardedKeys final : public card::KeyVault {
 public:
  GuardedKeys(std::unique_ptr<card::KeyVault> inner, store::Changes& changes, std::string card,
              std::string device)
      : inner_{std::move(inner)}, changes_{changes}, card_{std::move(card)}, device_{std::move(device)} {}

  [[nodiscard]] bool supports(card::Algorithm algorithm) const override {
    return inner_->supports(algorithm);
  }
  Result<card::KeyHandle> generate(card::KeySlot slot, card::Algorithm algorithm) override {
    return inner_->generate(slot, algorithm);
  }
  Result<card::KeyHandle> import_rsa(card::KeySlot slot, card::Algorithm algorithm,
                                     const card::RsaPrivateParts& parts) override {
    return inner_->import_rsa(slot, algorithm, parts);
  }
  Result<card::KeyHandle> import_ec(card::KeySlot slot, card::Algorithm algorithm,
                                    const SecretBytes& scalar) override {
    return inner_->import_ec(slot, algorithm, scalar);
  }
  Result<card::KeyHandle> import_symmetric(card::KeySlot slot, card::Algorithm algorithm,
                                           const SecretBytes& key) override {
    return inner_->import_symmetric(slot, algorithm, key);
  }
  Result<SecretBytes> rsa_private(const card::KeyHandle& key, BytesView block) override {
    CARDEA_CHECK(check());
    return inner_->rsa_private(key, block);
  }
  Result<Bytes> ecdsa_sign(const card::KeyHandle& key, BytesView digest) override {
    CARDEA_CHECK(check());
    return inner_->ecdsa_sign(key, digest);
  }
  Result<Bytes> eddsa_sign(const card::KeyHandle& key, BytesView message) override {
    CARDEA_CHECK(check());
    return inner_->eddsa_sign(key, message);
  }
  Result<SecretBytes> ecdh(const card::KeyHandle& key, BytesView peer) override {
    CARDEA_CHECK(check());
    return inner_->ecdh(key, peer);
  }
  Result<SecretBytes> encrypt_block(const card::KeyHandle& key, BytesView block) override {
    CARDEA_CHECK(check());
    return inner_->encrypt_block(key, block);
  }
  Result<Bytes> attest(const card::KeyHandle& key, const card::AttestationFacts& facts) override {
    CARDEA_CHECK(check());
    return inner_->attest(key, facts);
  }
  Result<Bytes> attestation_certificate() override { return inner_->attestation_certificate(); }
  void end_session() noexcept override { inner_->end_session(); }
  Result<void> discard(const card::KeyHandle& key) override { return inner_->discard(key); }

 private:
  Result<void> check() { return changes_.check_card(card_, device_); }

  std::unique_ptr<card::KeyVault> inner_;
  store::Changes& changes_;
  std::string card_;
  std::string device_;
};

}  // namespace cardea::service

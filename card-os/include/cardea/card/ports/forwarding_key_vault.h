#pragma once

#include <utility>

#include "cardea/card/ports/key_vault.h"

namespace cardea::card {

/// What layers over a vault have in common: everything goes to the vault behind, and the three moments at
/// which a layer has a say are functions of their own. KeyVault has no functions with a body, so one that it
/// gains later does not compile until it is forwarded here.
class ForwardingKeyVault : public KeyVault {
 public:
  [[nodiscard]] bool supports(Algorithm algorithm) const override {
    const auto vault = behind();
    return vault && (*vault)->supports(algorithm);
  }

  Result<KeyHandle> generate(KeySlot slot, Algorithm algorithm) override {
    CARDEA_TRY(auto* vault, behind());
    CARDEA_TRY(auto key, vault->generate(slot, algorithm));
    return made(std::move(key));
  }
  Result<KeyHandle> import_rsa(KeySlot slot, Algorithm algorithm, const RsaPrivateParts& parts) override {
    CARDEA_TRY(auto* vault, behind());
    CARDEA_TRY(auto key, vault->import_rsa(slot, algorithm, parts));
    return made(std::move(key));
  }
  Result<KeyHandle> import_ec(KeySlot slot, Algorithm algorithm, const SecretBytes& scalar) override {
    CARDEA_TRY(auto* vault, behind());
    CARDEA_TRY(auto key, vault->import_ec(slot, algorithm, scalar));
    return made(std::move(key));
  }
  Result<KeyHandle> import_symmetric(KeySlot slot, Algorithm algorithm, const SecretBytes& key) override {
    CARDEA_TRY(auto* vault, behind());
    return vault->import_symmetric(slot, algorithm, key);
  }

  Result<SecretBytes> rsa_private(const KeyHandle& key, BytesView block) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->rsa_private(use.key, block);
  }
  Result<Bytes> ecdsa_sign(const KeyHandle& key, BytesView digest) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->ecdsa_sign(use.key, digest);
  }
  Result<Bytes> eddsa_sign(const KeyHandle& key, BytesView message) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->eddsa_sign(use.key, message);
  }
  Result<SecretBytes> ecdh(const KeyHandle& key, BytesView peer) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->ecdh(use.key, peer);
  }
  Result<SecretBytes> encrypt_block(const KeyHandle& key, BytesView block) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->encrypt_block(use.key, block);
  }
  Result<SecretBytes> decrypt_block(const KeyHandle& key, BytesView block) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->decrypt_block(use.key, block);
  }
  Result<Bytes> attest(const KeyHandle& key, const AttestationFacts& facts) override {
    CARDEA_TRY(const auto use, opened(key));
    return use.vault->attest(use.key, facts);
  }

  Result<Bytes> attestation_certificate() override {
    CARDEA_TRY(auto* vault, behind());
    return vault->attestation_certificate();
  }
  void end_session() noexcept override {
    if (const auto vault = behind()) (*vault)->end_session();
  }
  Result<void> discard(const KeyHandle& key) override {
    CARDEA_TRY(auto* vault, behind());
    return vault->discard(key);
  }

 protected:
  /// The vault behind. Errors: `unavailable` while there is none.
  [[nodiscard]] virtual Result<KeyVault*> behind() const = 0;
  /// Before each use of a key, symmetric ones and attestations included: the handle as the vault behind is to
  /// see it. An error ends the operation.
  virtual Result<KeyHandle> use(const KeyHandle& key) { return key; }
  /// The handle of a key pair that the vault behind has just made or taken, as it is given on.
  virtual Result<KeyHandle> made(KeyHandle key) { return key; }

 private:
  /// A handle without one of its layers opens more than the one that is stored: it does not stay behind.
  struct Use {
    Use(KeyVault* behind, KeyHandle handle) : vault{behind}, key{std::move(handle)} {}
    Use(Use&&) noexcept = default;
    Use& operator=(Use&&) = delete;
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { wipe(key.sealed); }
    KeyVault* vault;
    KeyHandle key;
  };
  Result<Use> opened(const KeyHandle& key) {
    CARDEA_TRY(auto handle, use(key));
    CARDEA_TRY(auto* vault, behind());
    return Use{vault, std::move(handle)};
  }
};

}  // namespace cardea::card

#pragma once

#include <array>
#include <cstdint>

#include "cardea/card/ports/key_vault.h"

namespace cardea::test {

/// All algorithms in OpenSSL's arithmetic, deterministic in its seed: the same calls give the same keys and
/// the same signatures. RSA keys come from a small committed pool (rsa_pool.h), so that generation costs
/// nothing.
///
/// Sealed keys are AES-256-GCM under a key drawn from the seed, bound to slot and algorithm: two vaults with
/// different seeds stand for two cards.
class SoftwareKeyVault final : public card::KeyVault {
 public:
  explicit SoftwareKeyVault(std::uint64_t seed = 0);

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
  Result<Bytes> eddsa_sign(const card::KeyHandle& key, BytesView message) override;
  Result<SecretBytes> ecdh(const card::KeyHandle& key, BytesView peer) override;
  Result<SecretBytes> encrypt_block(const card::KeyHandle& key, BytesView block) override;
  Result<SecretBytes> decrypt_block(const card::KeyHandle& key, BytesView block) override;
  Result<Bytes> attest(const card::KeyHandle& /*key*/, const card::AttestationFacts& /*facts*/) override {
    return fail(Errc::unsupported, "the vault makes no attestations");
  }
  Result<Bytes> attestation_certificate() override {
    return fail(Errc::unsupported, "the vault makes no attestations");
  }
  void end_session() noexcept override {}  // nothing is kept
  Result<void> discard(const card::KeyHandle& key) override;

  /// From the next call on, operations answer `unavailable`, as when an HSM has gone.
  void set_available(bool available) { available_ = available; }

  /// Private-key and symmetric operations that gave a result.
  [[nodiscard]] std::uint64_t uses() const { return uses_; }

 private:
  Result<void> check_available() const;
  Bytes derive(BytesView label);
  Result<card::KeyHandle> seal(card::KeySlot slot, card::Algorithm algorithm, BytesView secret,
                               card::PublicKey public_key);
  [[nodiscard]] Result<SecretBytes> unseal(const card::KeyHandle& key) const;

  std::uint64_t seed_;
  std::array<std::uint8_t, 32> sealing_key_{};
  std::uint64_t counter_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t rsa_drawn_ = 0;
  bool available_ = true;
};

}  // namespace cardea::test

#include "card_keys.h"

#include <utility>

namespace cardea::keyring {

using card::Algorithm;
using card::KeyHandle;
using card::KeySlot;

Keyring::CardKeys::CardKeys(Keyring& ring, std::string organisation, std::string card)
    : ring_{ring}, organisation_{std::move(organisation)}, card_{std::move(card)} {
  (void)inner();
}

Result<card::KeyVault*> Keyring::CardKeys::inner() const {
  if (!inner_) {
    CARDEA_TRY(auto* vault, ring_.vault());
    inner_ = vault->keys_of(organisation_, card_);
  }
  return inner_.get();
}

bool Keyring::CardKeys::supports(Algorithm algorithm) const {
  const auto keys = inner();
  return keys && (*keys)->supports(algorithm);
}

Result<KeyHandle> Keyring::CardKeys::generate(KeySlot slot, Algorithm algorithm) {
  CARDEA_TRY(auto* keys, inner());
  CARDEA_TRY(auto spare, ring_.take_spare(organisation_, card_, slot, algorithm));
  if (spare) return ring_.place(organisation_, card_, *std::move(spare));
  CARDEA_TRY(auto key, keys->generate(slot, algorithm));
  return ring_.place(organisation_, card_, std::move(key));
}

Result<KeyHandle> Keyring::CardKeys::import_rsa(KeySlot slot, Algorithm algorithm,
                                                const card::RsaPrivateParts& parts) {
  CARDEA_TRY(auto* keys, inner());
  CARDEA_TRY(auto key, keys->import_rsa(slot, algorithm, parts));
  return ring_.place(organisation_, card_, std::move(key));
}

Result<KeyHandle> Keyring::CardKeys::import_ec(KeySlot slot, Algorithm algorithm, const SecretBytes& scalar) {
  CARDEA_TRY(auto* keys, inner());
  CARDEA_TRY(auto key, keys->import_ec(slot, algorithm, scalar));
  return ring_.place(organisation_, card_, std::move(key));
}

Result<KeyHandle> Keyring::CardKeys::import_symmetric(KeySlot slot, Algorithm algorithm,
                                                      const SecretBytes& key) {
  // Card management keys: every card has one, nobody counts them among its keys, and capacity is short.
  CARDEA_TRY(auto* keys, inner());
  return keys->import_symmetric(slot, algorithm, key);
}

Result<SecretBytes> Keyring::CardKeys::rsa_private(const KeyHandle& key, BytesView block) {
  CARDEA_TRY(auto* keys, inner());
  return keys->rsa_private(key, block);
}
Result<Bytes> Keyring::CardKeys::ecdsa_sign(const KeyHandle& key, BytesView digest) {
  CARDEA_TRY(auto* keys, inner());
  return keys->ecdsa_sign(key, digest);
}
Result<SecretBytes> Keyring::CardKeys::ecdh(const KeyHandle& key, BytesView peer) {
  CARDEA_TRY(auto* keys, inner());
  return keys->ecdh(key, peer);
}
Result<SecretBytes> Keyring::CardKeys::encrypt_block(const KeyHandle& key, BytesView block) {
  CARDEA_TRY(auto* keys, inner());
  return keys->encrypt_block(key, block);
}

Result<Bytes> Keyring::CardKeys::eddsa_sign(const KeyHandle& key, BytesView message) {
  CARDEA_TRY(auto* keys, inner());
  return keys->eddsa_sign(key, message);
}
Result<Bytes> Keyring::CardKeys::attest(const KeyHandle& key, const card::AttestationFacts& facts) {
  CARDEA_TRY(auto* keys, inner());
  return keys->attest(key, facts);
}
Result<Bytes> Keyring::CardKeys::attestation_certificate() {
  CARDEA_TRY(auto* keys, inner());
  return keys->attestation_certificate();
}
void Keyring::CardKeys::end_session() noexcept {
  if (inner_) inner_->end_session();
}

Result<void> Keyring::CardKeys::discard(const KeyHandle& key) {
  return ring_.discard(organisation_, card_, key.slot);
}

}  // namespace cardea::keyring

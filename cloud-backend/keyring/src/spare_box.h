#pragma once

#include <optional>
#include <string>

#include "cardea/card/ports/rng.h"
#include "cardea/secret.h"
#include "cardea/vault/vault.h"

namespace cardea::keyring {

/// A spare key as it stands in the database: nonce | XChaCha20-Poly1305(pool key, sealed), bound to the
/// organisation and the public key. A key that was in the pool is protected by its holder's passcode later:
/// whoever keeps an old copy of the database, and has the HSM's PIN, must not be able to use the form it had
/// here.
Bytes box_spare(const SecretBytes& pool_key, const std::string& organisation, const vault::SpareKey& spare,
                card::Rng& rng);

/// Nothing when it was made under another pool key, or is damaged.
std::optional<Bytes> open_spare(const SecretBytes& pool_key, const std::string& organisation,
                                const card::PublicKey& public_key, BytesView box);

}  // namespace cardea::keyring

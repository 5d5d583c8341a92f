#pragma once

#include <memory>
#include <string>

#include "cardea/card/ports/clock.h"
#include "cardea/card/ports/crypto.h"
#include "cardea/card/ports/rng.h"
#include "cardea/card/ports/session_cipher.h"
#include "cardea/identity/device_directory.h"
#include "cardea/identity/principal.h"
#include "cardea/service/factory_values.h"
#include "cardea/service/observer.h"
#include "cardea/store/database.h"
#include "cardea/vault/vault.h"

namespace cardea::service {

/// All that the use cases need. Whoever composes the server (or a test) owns these; they outlive the use
/// cases.
struct World {
  store::Database& database;
  vault::Vault& vault;
  identity::DeviceDirectory& devices;
  card::Crypto& crypto;
  card::SessionCipher& cipher;
  card::Clock& clock;
  card::Rng& rng;
  Observer& observer;
  const FactoryValues* factory_values = nullptr;  ///< where cards may have them; none: nowhere
};

/// The real ones: OpenSSL's SHA-256 and block ciphers, the system's clock (held still when it is set back),
/// libsodium's randomness.
std::unique_ptr<card::Crypto> make_crypto();
std::unique_ptr<card::SessionCipher> make_session_cipher();
std::unique_ptr<card::Clock> make_clock();
std::unique_ptr<card::Rng> make_rng();

/// Who asks, as established by the access token: never by anything in the request itself.
using Caller = identity::Principal;

/// A random UUID (RFC 9562, version 4).
std::string new_uuid(card::Rng& rng);

/// `octets` random octets as base64url without padding.
std::string new_token(card::Rng& rng, std::size_t octets);

}  // namespace cardea::service

#pragma once

#include "cardea/card/ports/audit.h"
#include "cardea/card/ports/clock.h"
#include "cardea/card/ports/crypto.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/card/ports/rng.h"
#include "cardea/card/ports/session_cipher.h"
#include "cardea/card/ports/store.h"

namespace cardea::card {

/// All that a card needs of the world. What a test cannot supply, the card may not use.
struct Ports {
  Store& store;
  KeyVault& keys;
  PinVault& pins;
  Crypto& crypto;
  SessionCipher& cipher;
  Clock& clock;
  Rng& rng;
  Audit& audit;
};

}  // namespace cardea::card

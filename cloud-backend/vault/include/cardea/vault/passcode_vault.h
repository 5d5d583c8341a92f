#pragma once

#include <memory>
#include <string>

#include "cardea/api/hpke.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::vault {

/// Whoever knows a card's pair, and when its secret half may be used.
class PasscodeHolder {
 public:
  PasscodeHolder() = default;
  PasscodeHolder(const PasscodeHolder&) = delete;
  PasscodeHolder& operator=(const PasscodeHolder&) = delete;
  virtual ~PasscodeHolder() = default;

  /// The public half that the card has now: new keys are sealed to it.
  virtual Result<api::hpke::PublicKey> card_key() = 0;

  /// The pair, for one operation. Errors: `denied` while nobody who may has lent the secret.
  virtual Result<api::hpke::KeyPair> lend() = 0;
};

/// A card's keys behind its passcode: what `inner` seals is sealed again to the card's public key, so that
/// neither the database nor the HSM nor both together can use it without the card's secret. Keys that need no
/// PIN (`KeySlot::holder_only` is false) and symmetric ones go through as they are.
///
/// Laws besides those of card::KeyVault: without the card's secret each use of a protected key is `denied`;
/// generating and importing need no secret. `holder` outlives the result.
std::unique_ptr<card::KeyVault> make_passcode_vault(std::unique_ptr<card::KeyVault> inner,
                                                    std::string organisation, std::string card,
                                                    PasscodeHolder& holder);

}  // namespace cardea::vault

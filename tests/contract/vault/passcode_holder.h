#pragma once

#include <algorithm>

#include "cardea/vault/passcode_vault.h"

namespace cardea::test {

/// A card's holder, who lends the card's pair while logged in.
class Holder final : public vault::PasscodeHolder {
 public:
  Result<api::hpke::PublicKey> card_key() override { return pair.public_key; }
  Result<api::hpke::KeyPair> lend() override {
    if (!logged_in) return fail(Errc::denied, "nobody has logged in");
    api::hpke::KeyPair copy{{}, pair.public_key};
    std::ranges::copy(pair.private_key.expose(), copy.private_key.expose().begin());
    return copy;
  }

  api::hpke::KeyPair pair = api::hpke::generate_key_pair();
  bool logged_in = true;
};

}  // namespace cardea::test

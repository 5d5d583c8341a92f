#include "cardea/vault/passcode_vault.h"

#include <utility>

#include "cardea/card/ports/forwarding_key_vault.h"
#include "cardea/vault/passcode_key.h"

namespace cardea::vault {
namespace {

using card::KeyHandle;

class PasscodeVault final : public card::ForwardingKeyVault {
 public:
  PasscodeVault(std::unique_ptr<card::KeyVault> inner, std::string organisation, std::string card,
                PasscodeHolder& holder)
      : inner_{std::move(inner)},
        organisation_{std::move(organisation)},
        card_{std::move(card)},
        holder_{holder} {}
  PasscodeVault(const PasscodeVault&) = delete;
  PasscodeVault& operator=(const PasscodeVault&) = delete;
  ~PasscodeVault() override { forget(); }

  void end_session() noexcept override {
    forget();
    ForwardingKeyVault::end_session();
  }

  Result<void> discard(const KeyHandle& key) override {
    // Without the secret it goes by its slot.
    const auto opened = use(key);
    return inner_->discard(opened ? *opened : key);
  }

 protected:
  [[nodiscard]] Result<card::KeyVault*> behind() const override { return inner_.get(); }

  Result<KeyHandle> made(KeyHandle key) override {
    if (!key.slot.holder_only) return key;
    auto sealed = [&]() -> Result<Bytes> {
      CARDEA_TRY(const auto card_key, holder_.card_key());
      return seal_with_passcode(key, organisation_, card_, card_key);
    }();
    if (!sealed) {
      (void)inner_->discard(key);
      return tl::unexpected{std::move(sealed).error()};
    }
    // The inner handle must not stay behind: with it, the HSM's user needs no passcode.
    wipe(key.sealed);
    key.sealed = *std::move(sealed);
    return key;
  }

  Result<KeyHandle> use(const KeyHandle& key) override {
    if (!has_passcode_layer(key.sealed)) return key;
    const auto secret = holder_.lend();
    if (!secret) forget();
    if (!secret) return tl::unexpected{secret.error()};
    if (opened_with_ != secret->public_key || key != last_) {
      forget();
      CARDEA_TRY(auto inner, open_layer(key, *secret));
      last_ = key;
      last_opened_ = KeyHandle{key.algorithm, key.slot, std::move(inner), key.public_key};
      opened_with_ = secret->public_key;
    }
    return last_opened_;
  }

 private:
  Result<Bytes> open_layer(const KeyHandle& key, const api::hpke::KeyPair& secret) {
    auto inner = open_with_passcode(key, organisation_, card_, secret);
    if (!inner && inner.error().code == Errc::denied) CARDEA_CHECK(names_this_card(key));
    return inner;
  }

  void forget() noexcept {
    wipe(last_opened_.sealed);
    last_opened_ = {};
    last_ = {};
    opened_with_ = {};
  }

  /// Sealed to a secret that this card does not have: then no holder's secret would do, and the handle is
  /// wrong.
  Result<void> names_this_card(const KeyHandle& key) {
    CARDEA_TRY(const auto outer, PasscodeKey::parse(key.sealed));
    CARDEA_TRY(const auto card_key, holder_.card_key());
    if (outer.card_key == card_key) return {};
    return fail(Errc::corrupt, "the key was sealed to another card's secret");
  }

  const std::unique_ptr<card::KeyVault> inner_;
  const std::string organisation_;
  const std::string card_;
  PasscodeHolder& holder_;

  // The handle that was opened last: opening costs as much as a signature with P-256, and a holder signs with
  // one key many times. It lives no longer than the secret is lent, and is still sealed to the HSM.
  KeyHandle last_;
  KeyHandle last_opened_;
  api::hpke::PublicKey opened_with_{};
};

}  // namespace

std::unique_ptr<card::KeyVault> make_passcode_vault(std::unique_ptr<card::KeyVault> inner,
                                                    std::string organisation, std::string card,
                                                    PasscodeHolder& holder) {
  return std::make_unique<PasscodeVault>(std::move(inner), std::move(organisation), std::move(card), holder);
}

}  // namespace cardea::vault

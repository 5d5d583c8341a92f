#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cardea/api/card_secret.h"
#include "cardea/api/locked_secret.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/service/pins.h"
#include "cardea/service/world.h"
#include "cardea/vault/passcode_vault.h"

namespace cardea::service {

/// Who could open a card's keys, for the administrator.
struct PasscodeView {
  bool keys_protected = false;  ///< the card has a secret at all
  bool in_issuance = false;     ///< the server can open it: until PIN and PUK have left their factory values
  std::vector<std::string> holders;  ///< of copies: "escrow", "issuance", "pin", "puk"
  bool tenant_escrow = false;  ///< the tenant's policy now: cards made today get a copy for its escrow key
};

/// The secret to which each card's keys are sealed (vault/README.md): made with the card, kept as copies that
/// only their holders open. Thread-safe.
class CardSecrets {
 public:
  explicit CardSecrets(World world) : world_{world} {}

  /// A new secret for a card, with the copy of the issuance and, where the tenant has an escrow key, one for
  /// that. Nothing is stored. Errors: those of the vault.
  Result<FreshSecret> make(const store::Organisation& organisation, const std::string& card);

  /// While the card is in issuance, its pair. Errors: `denied` afterwards.
  Result<api::hpke::KeyPair> from_issuance(const std::string& organisation, const std::string& card);

  /// The copy that goes to the client with KE2, for its export key to open; empty where there is none yet.
  Result<Bytes> copy_for_login(const std::string& card, card::PinRef ref);

  /// A copy that a client made for a new PIN or PUK, to be stored in the transaction that stores the new
  /// record (store::write_copies). Errors: `invalid` when it is no copy, or is one of another secret than the
  /// card's.
  Result<store::SecretCopy> accept(const std::string& card, card::PinRef ref, Bytes copy);

  /// The same where the server plays the client: factory values, and PINs that the card itself has seen.
  /// `pair` is what the session holds or `from_issuance` gave.
  Result<store::SecretCopy> seal_for(const std::string& organisation, const std::string& card,
                                     card::PinRef ref, BytesView export_key, const api::hpke::KeyPair& pair);

  /// For a card that goes back to its factory state after its issuance was over: nobody holds its secret, its
  /// keys are gone, and it begins again with a new one. Nothing is stored.
  Result<FreshSecret> fresh(const std::string& organisation, const std::string& card);

  Result<PasscodeView> view(const store::CardRow& row);

 private:
  Result<api::LockedSecret*> issuance_key(const std::string& organisation);

  World world_;
  std::mutex mutex_;
  std::map<std::string, api::LockedSecret> issuance_keys_;  // by organisation; never taken out
};

/// One session's hold on its card's secret: there from a proven login until log-out, reset or the session's
/// end. Under the session's mutex, as the card is.
class HeldSecret final : public vault::PasscodeHolder {
 public:
  HeldSecret(World world, CardSecrets& secrets, std::string organisation, std::string card)
      : world_{world}, secrets_{secrets}, organisation_{std::move(organisation)}, card_{std::move(card)} {}

  /// What the holder's client sent after its login was proven. Wraps anew what a rotation left to this
  /// moment. Errors: `denied` when it is not this card's; those of LockedSecret.
  Result<void> hold(const api::card_secret::Value& secret);
  void drop() noexcept { held_ = {}; }
  [[nodiscard]] bool held() const { return !held_.empty(); }

  Result<api::hpke::PublicKey> card_key() override;
  /// The held secret; that of the issuance as long as it lasts; `denied` otherwise.
  Result<api::hpke::KeyPair> lend() override;

 private:
  World world_;
  CardSecrets& secrets_;
  const std::string organisation_;
  const std::string card_;
  api::LockedSecret held_;
  api::hpke::PublicKey held_key_{};
};

/// The copies that a card's PIN and PUK open, in one session.
class CardCopies final : public PinCopies {
 public:
  CardCopies(World world, CardSecrets& secrets, HeldSecret& held, std::string organisation, std::string card)
      : world_{world},
        secrets_{secrets},
        held_{held},
        organisation_{std::move(organisation)},
        card_{std::move(card)} {}

  Result<Bytes> public_key() override;
  Result<Bytes> for_login(card::PinRef ref) override { return secrets_.copy_for_login(card_, ref); }
  Result<store::SecretCopy> accept(card::PinRef ref, Bytes copy) override {
    return secrets_.accept(card_, ref, std::move(copy));
  }
  Result<store::SecretCopy> seal(card::PinRef ref, BytesView export_key) override;
  Result<void> hold(card::PinRef ref, BytesView export_key) override;
  Result<FreshSecret> fresh() override { return secrets_.fresh(organisation_, card_); }
  Result<store::SecretCopy> seal_fresh(card::PinRef ref, BytesView export_key,
                                       const FreshSecret& fresh) override {
    return secrets_.seal_for(organisation_, card_, ref, export_key, fresh.pair);
  }

 private:
  World world_;
  CardSecrets& secrets_;
  HeldSecret& held_;
  const std::string organisation_;
  const std::string card_;
};

}  // namespace cardea::service

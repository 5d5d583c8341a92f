#include "cardea/service/card_secrets.h"

#include <algorithm>
#include <utility>

#include "cardea/keyring/layered.h"

namespace cardea::service {
namespace {

namespace card_secret = api::card_secret;
using api::hpke::KeyPair;
using api::hpke::PublicKey;

// Part of the copies' encryption: never change it.
constexpr std::string_view kIssuanceLabel = "cardea issuance escrow";
constexpr std::size_t kIssuanceKeySize = 32;

std::string_view holder_of(card::PinRef ref) {
  return ref == card::PinRef::puk ? card_secret::kPuk : card_secret::kPin;
}

Result<PublicKey> key_of(const Bytes& stored) {
  PublicKey key{};
  if (stored.size() != key.size()) return fail(Errc::not_found, "the card has no secret");
  std::ranges::copy(stored, key.begin());
  return key;
}

tl::unexpected<Error> not_lent() {
  return fail(Errc::denied, "the card's secret is with its holder, who has not logged in");
}

}  // namespace

Result<api::LockedSecret*> CardSecrets::issuance_key(const std::string& organisation) {
  {
    const std::lock_guard lock{mutex_};
    if (const auto known = issuance_keys_.find(organisation); known != issuance_keys_.end())
      return &known->second;
  }
  CARDEA_TRY(const auto made, world_.vault.tenant_secret(organisation, kIssuanceLabel, kIssuanceKeySize));
  CARDEA_TRY(auto locked, api::LockedSecret::of(made.expose()));
  const std::lock_guard lock{mutex_};
  return &issuance_keys_.try_emplace(organisation, std::move(locked)).first->second;
}

Result<FreshSecret> CardSecrets::make(const store::Organisation& organisation, const std::string& card) {
  FreshSecret fresh{api::hpke::generate_key_pair(), {}};
  CARDEA_TRY(const auto* key, issuance_key(organisation.id));
  CARDEA_TRY(auto issuance, card_secret::seal_copy({organisation.id, card, card_secret::kIssuance},
                                                   key->expose(), fresh.pair));
  fresh.copies.push_back({std::string{card_secret::kIssuance}, std::move(issuance)});
  if (organisation.escrow_key.empty()) return fresh;
  CARDEA_TRY(const auto escrow_key, key_of(organisation.escrow_key));
  CARDEA_TRY(auto escrow, card_secret::seal_copy_to({organisation.id, card, card_secret::kEscrow}, escrow_key,
                                                    fresh.pair));
  fresh.copies.push_back({std::string{card_secret::kEscrow}, std::move(escrow)});
  return fresh;
}

Result<KeyPair> CardSecrets::from_issuance(const std::string& organisation, const std::string& card) {
  const auto copy = world_.database.secret_copy(card, std::string{card_secret::kIssuance});
  if (!copy && copy.error().code == Errc::not_found) return not_lent();
  if (!copy) return tl::unexpected{copy.error()};
  CARDEA_TRY(const auto* key, issuance_key(organisation));
  auto pair = card_secret::open_copy({organisation, card, card_secret::kIssuance}, key->expose(), *copy);
  // The key is the right one: it is the copy that was changed.
  if (!pair && pair.error().code != Errc::unsupported) {
    return fail(Errc::corrupt, "the issuance's copy of the card's secret is damaged");
  }
  return pair;
}

Result<Bytes> CardSecrets::copy_for_login(const std::string& card, card::PinRef ref) {
  auto copy = world_.database.secret_copy(card, std::string{holder_of(ref)});
  if (!copy && copy.error().code == Errc::not_found) return Bytes{};
  return copy;
}

Result<store::SecretCopy> CardSecrets::accept(const std::string& card, card::PinRef ref, Bytes copy) {
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_TRY(const auto subject, card_secret::subject_of(copy));
  if (copy.size() != card_secret::kKeyCopySize || !equal(subject, row.public_key)) {
    return fail(Errc::invalid, "this is no copy of this card's secret");
  }
  return store::SecretCopy{std::string{holder_of(ref)}, std::move(copy)};
}

Result<store::SecretCopy> CardSecrets::seal_for(const std::string& organisation, const std::string& card,
                                                card::PinRef ref, BytesView export_key, const KeyPair& pair) {
  const auto holder = holder_of(ref);
  CARDEA_TRY(auto copy, card_secret::seal_copy({organisation, card, holder}, export_key, pair));
  return store::SecretCopy{std::string{holder}, std::move(copy)};
}

Result<FreshSecret> CardSecrets::fresh(const std::string& organisation, const std::string& card) {
  CARDEA_TRY(const auto tenant, world_.database.organisation(organisation));
  return make(tenant, card);
}

Result<PasscodeView> CardSecrets::view(const store::CardRow& row) {
  PasscodeView view;
  view.keys_protected = !row.public_key.empty();
  CARDEA_TRY(view.holders, world_.database.secret_holders(row.id));
  view.in_issuance = std::ranges::find(view.holders, card_secret::kIssuance) != view.holders.end();
  CARDEA_TRY(const auto organisation, world_.database.organisation(row.organisation));
  view.tenant_escrow = !organisation.escrow_key.empty();
  return view;
}

Result<void> HeldSecret::hold(const card_secret::Value& secret) {
  Secret<32> copy;
  std::ranges::copy(secret.expose(), copy.expose().begin());
  const auto pair = api::hpke::key_pair_of(std::move(copy));
  CARDEA_TRY(const auto row, world_.database.card(card_));
  CARDEA_TRY(const auto expected, key_of(row.public_key));
  if (pair.public_key != expected) return fail(Errc::denied, "this is not the card's secret");
  CARDEA_TRY(held_, api::LockedSecret::of(secret.expose()));
  held_key_ = pair.public_key;
  // A rotation of the tenant's keys had to leave those that only this moment opens. A failure costs nobody
  // anything: it is tried again at the next login.
  if (const auto done = keyring::rewrap_layered(world_.database, world_.vault, organisation_, card_, *this);
      !done || *done > 0) {
    world_.observer.administered("key.rewrap", card_, done.has_value());
  }
  return {};
}

/// Keys are sealed to it: a key of somebody else's would open them to whoever has the database and the HSM.
Result<PublicKey> HeldSecret::card_key() {
  CARDEA_TRY(const auto row, world_.database.changes().checked_card(card_, {}));
  return key_of(row.public_key);
}

Result<KeyPair> HeldSecret::lend() {
  if (held_.empty()) return secrets_.from_issuance(organisation_, card_);
  KeyPair pair{{}, held_key_};
  std::ranges::copy(held_.expose(), pair.private_key.expose().begin());
  return pair;
}

Result<Bytes> CardCopies::public_key() {
  CARDEA_TRY(auto row, world_.database.card(card_));
  return std::move(row.public_key);
}

Result<store::SecretCopy> CardCopies::seal(card::PinRef ref, BytesView export_key) {
  CARDEA_TRY(const auto pair, held_.lend());
  return secrets_.seal_for(organisation_, card_, ref, export_key, pair);
}

Result<void> CardCopies::hold(card::PinRef ref, BytesView export_key) {
  CARDEA_TRY(const auto copy, for_login(ref));
  if (copy.empty()) return {};  // set by somebody who could not open the secret: the issuance lends it
  CARDEA_TRY(const auto pair,
             card_secret::open_copy({organisation_, card_, holder_of(ref)}, export_key, copy));
  return held_.hold(pair.private_key);
}

}  // namespace cardea::service

// The card's secret: made with the card, lent by its holder or, during issuance, by the server.

#include "cardea/service/card_secrets.h"

#include <algorithm>

#include "cardea/test/host_crypto.h"
#include "cardea/vault/passcode_key.h"
#include "fixture.h"

namespace cardea::test {
namespace {

using api::hpke::KeyPair;
using service::CardSecrets;
using service::HeldSecret;

using Names = std::vector<std::string>;

const Bytes kPinExport(64, 0x11);
const Bytes kPukExport(64, 0x22);
const Bytes kDigest(32, 0x3C);

/// A card with its keys as a session sees them, and a key in 9A.
struct Passcoded : Furnished {
  store::CardRow row = issue();
  CardSecrets secrets{world};
  HeldSecret held{world, secrets, "org", row.id};
  std::unique_ptr<card::KeyVault> keys =
      vault::make_passcode_vault(vault.keys_of("org", row.id), "org", row.id, held);
  card::KeyHandle key = must(keys->generate({0x9A, 1}, card::Algorithm::p256));

  Names holders() { return must(database->secret_holders(row.id)); }
  Result<Bytes> sign() { return keys->ecdsa_sign(key, kDigest); }

  /// PIN and PUK get other copies, as registrations give them; the issuance ends by the administrator's word.
  void hand_over() {
    const auto pair = must(secrets.from_issuance("org", row.id));
    must(database->put_copies(
        row.id, row.public_key,
        {must(secrets.seal_for("org", row.id, card::PinRef::application, kPinExport, pair)),
         must(secrets.seal_for("org", row.id, card::PinRef::puk, kPukExport, pair))}));
    must(cards.activate(row.id, "administrator"));
  }
  /// Another secret, which the issuance alone holds.
  void renew() {
    const auto fresh = must(secrets.fresh("org", row.id));
    must(database->set_secret(row.id, to_bytes(fresh.pair.public_key), fresh.copies));
  }
  /// What a client does with the copy that came with KE2.
  KeyPair opened(card::PinRef ref, const Bytes& export_key) {
    const auto holder = ref == card::PinRef::puk ? api::card_secret::kPuk : api::card_secret::kPin;
    return must(api::card_secret::open_copy({"org", row.id, holder}, export_key,
                                            must(secrets.copy_for_login(row.id, ref))));
  }
};

}  // namespace

TEST_CASE("a card is made with a secret, and the server can open it during issuance [B4]") {
  Passcoded f;
  CHECK(f.row.public_key.size() == 32);
  CHECK(f.must(f.database->card(f.row.id)).public_key == f.row.public_key);
  CHECK(f.holders() == Names{"issuance", "pin", "puk"});
  CHECK(vault::has_passcode_layer(f.key.sealed));
  CHECK(ecdsa_verify(f.key.public_key, kDigest, f.must(f.sign())));
}

TEST_CASE("after issuance nobody but the holder can use a key [B4]") {
  Passcoded f;
  f.hand_over();
  CHECK(f.holders() == Names{"pin", "puk"});
  const Error with_holder{Errc::denied, "the card's secret is with its holder, who has not logged in"};
  CHECK(f.sign().error() == with_holder);
  CHECK(f.secrets.from_issuance("org", f.row.id).error() == with_holder);

  f.must(f.held.hold(f.opened(card::PinRef::application, kPinExport).private_key));
  CHECK(f.held.held());
  CHECK(ecdsa_verify(f.key.public_key, kDigest, f.must(f.sign())));
  f.held.drop();
  CHECK(f.sign().error() == with_holder);
}

TEST_CASE("the PUK opens the same secret, so that a new PIN can get a copy [B4]") {
  Passcoded f;
  f.hand_over();
  const auto pair = f.opened(card::PinRef::puk, kPukExport);
  const Bytes new_export(64, 0x33);
  auto copy =
      f.must(api::card_secret::seal_copy({"org", f.row.id, api::card_secret::kPin}, new_export, pair));
  auto accepted = f.must(f.secrets.accept(f.row.id, card::PinRef::application, copy));
  CHECK(accepted == store::SecretCopy{"pin", copy});
  f.must(f.database->put_copies(f.row.id, f.row.public_key, {accepted}));
  f.must(f.held.hold(f.opened(card::PinRef::application, new_export).private_key));
  // The key's handle was not touched.
  CHECK(ecdsa_verify(f.key.public_key, kDigest, f.must(f.sign())));
}

TEST_CASE("a client's copy is taken only when it is one of this card's secret") {
  Passcoded f;
  const auto other = api::hpke::generate_key_pair();
  const Error refused{Errc::invalid, "this is no copy of this card's secret"};
  const auto place = api::card_secret::Place{"org", f.row.id, api::card_secret::kPin};
  CHECK(f.secrets
            .accept(f.row.id, card::PinRef::application,
                    f.must(api::card_secret::seal_copy(place, kPinExport, other)))
            .error() == refused);
  const auto pair = f.must(f.secrets.from_issuance("org", f.row.id));
  CHECK(f.secrets
            .accept(f.row.id, card::PinRef::application,
                    f.must(api::card_secret::seal_copy_to(place, other.public_key, pair)))
            .error() == refused);
  CHECK(f.secrets.accept(f.row.id, card::PinRef::application, {}).error() ==
        Error{Errc::invalid, "this is no copy of a card's secret"});
}

TEST_CASE("a session takes no other secret than its card's [B4]") {
  Passcoded f;
  CHECK(f.held.hold(api::hpke::generate_key_pair().private_key).error() ==
        Error{Errc::denied, "this is not the card's secret"});
  CHECK_FALSE(f.held.held());
}

TEST_CASE("an issuance does not end before PIN and PUK hold copies, and says so in the log") {
  Passcoded f;
  f.renew();
  f.row = f.must(f.database->card(f.row.id));
  CHECK(f.cards.activate(f.row.id, "administrator").error() ==
        Error{Errc::conflict, "the PIN has no copy of the card's secret yet: the keys would be lost"});
  CHECK(f.holders() == Names{"issuance"});
  f.hand_over();
  const auto actions = f.actions(f.row.id);
  CHECK(std::ranges::count(actions, "card.activate failed") == 1);
  CHECK(std::ranges::count(actions, "card.activate") == 1);
  f.must(f.cards.activate(f.row.id, "administrator"));  // again changes nothing
}

TEST_CASE("a damaged copy of the issuance is corrupt, not a way in") {
  Passcoded f;
  auto copy = f.must(f.database->secret_copy(f.row.id, "issuance"));
  copy[40] ^= 1;
  f.must(f.database->put_copies(f.row.id, f.row.public_key, {{"issuance", copy}}));
  CHECK(f.sign().error() == Error{Errc::corrupt, "the issuance's copy of the card's secret is damaged"});
}

TEST_CASE("a copy of another card's issuance does not open in this one's place") {
  Passcoded f;
  const auto other = f.issue();
  const auto foreign = f.must(f.database->secret_copy(other.id, "issuance"));
  f.must(f.database->put_copies(f.row.id, f.row.public_key, {{"issuance", foreign}}));
  CHECK(f.sign().error().code == Errc::corrupt);
}

TEST_CASE("a tenant with an escrow key can open its cards' keys without the holder; others cannot") {
  Passcoded f;
  const auto escrow = api::hpke::generate_key_pair();
  CHECK_FALSE(f.must(f.cards.show(f.row.id)).passcode->tenant_escrow);
  f.must(f.database->set_escrow_key("org", to_bytes(escrow.public_key)));
  const auto row = f.issue();
  const auto view = *f.must(f.cards.show(row.id)).passcode;
  CHECK(view.keys_protected);
  CHECK(view.in_issuance);
  CHECK(view.tenant_escrow);
  CHECK(view.holders == Names{"escrow", "issuance", "pin", "puk"});
  const auto pair = f.must(api::card_secret::open_copy_with(
      {"org", row.id, api::card_secret::kEscrow}, escrow, f.must(f.database->secret_copy(row.id, "escrow"))));
  CHECK(to_bytes(pair.public_key) == row.public_key);
  // The policy is the tenant's now; the card from before keeps what it had.
  const auto before = *f.must(f.cards.show(f.row.id)).passcode;
  CHECK(before.tenant_escrow);
  CHECK(before.holders == Names{"issuance", "pin", "puk"});
}

TEST_CASE("a card that begins again has another secret, and no old copy opens it") {
  Passcoded f;
  f.hand_over();
  f.renew();
  CHECK(f.holders() == Names{"issuance"});
  CHECK(f.must(f.database->card(f.row.id)).public_key != f.row.public_key);
  CHECK(f.sign().error().code == Errc::corrupt);  // a handle from before
  const auto fresh = f.must(f.keys->generate({0x9A, 2}, card::Algorithm::p256));
  CHECK(ecdsa_verify(fresh.public_key, kDigest, f.must(f.keys->ecdsa_sign(fresh, kDigest))));
}

TEST_CASE(
    "new tries for PIN and PUK: who has lent no secret is refused, and the keys can be opened still [B4]") {
  Passcoded f;
  f.hand_over();
  service::PinKeyring keyring{f.vault};
  service::CardCopies copies{f.world, f.secrets, f.held, "org", f.row.id};
  service::Pins pins{f.database->pin_records(f.row.id),
                     {[&] { return keyring.of("org"); }, f.clock, f.rng, &copies},
                     "org",
                     f.row.id,
                     {.allow_plain = true}};
  const auto set = [&](card::PinSource source) {
    const card::PinEvidence pin{card::PlainPin{SecretBytes{as_bytes("123456\xFF\xFF")}}};
    const card::PinEvidence puk{card::PlainPin{SecretBytes{as_bytes("12345678")}}};
    const std::array<card::PinUpdate, 2> both{
        {{card::PinRef::application, &pin, true, 5, std::nullopt, source},
         {card::PinRef::puk, &puk, true, 7, std::nullopt, source}}};
    return pins.replace(both);
  };
  const auto copy = f.must(f.database->secret_copy(f.row.id, "pin"));
  CHECK(set(card::PinSource::card).error().code == Errc::denied);
  CHECK(f.must(f.database->secret_copy(f.row.id, "pin")) == copy);
  CHECK(f.must(f.database->card(f.row.id)).public_key == f.row.public_key);

  f.must(f.held.hold(f.opened(card::PinRef::application, kPinExport).private_key));
  f.must(set(card::PinSource::card));
  CHECK(f.must(f.database->secret_copy(f.row.id, "pin")) != copy);
  CHECK(f.must(f.database->card(f.row.id)).public_key == f.row.public_key);
  f.held.drop();
  // What the factory's PIN opens is the secret from before: the key in 9A signs.
  const card::PinEvidence factory{card::PlainPin{SecretBytes{as_bytes("123456\xFF\xFF")}}};
  CHECK(f.must(pins.verify(card::PinRef::application, factory)).match);
  CHECK(ecdsa_verify(f.key.public_key, kDigest, f.must(f.sign())));
  f.held.drop();

  // A card that goes back to its factory state has no keys to lose.
  f.must(set(card::PinSource::factory_reset));
  CHECK(f.must(f.database->card(f.row.id)).public_key != f.row.public_key);
}

TEST_CASE("without the HSM no card is made, and nothing of it stays") {
  Furnished f;
  f.vault.available = false;
  CHECK(f.cards.issue({"org", std::nullopt, "piv-nist", "a card"}, "administrator").error().code ==
        Errc::unavailable);
  CHECK(f.must(f.database->cards("org")).empty());
}

TEST_CASE("a card from before the passcode layer keeps working as it was") {
  Furnished f;
  store::CardRow old{"old",        "org", std::nullopt, "piv-nist", "old", 1, store::CardState::active,
                     f.clock.now()};
  f.must(f.database->add(old));
  const auto view = *f.must(f.cards.show("old")).passcode;
  CHECK_FALSE(view.keys_protected);
  CHECK_FALSE(view.in_issuance);
  CHECK(view.holders.empty());
  CHECK(f.sessions.open(f.caller("ra"), "old").has_value());
}

}  // namespace cardea::test

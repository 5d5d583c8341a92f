// What somebody who has the database, the token's user PIN and the whole HSM at hand can do with a key behind
// its card's passcode: nothing, because nothing of what they have is what the HSM wants.

#include <doctest/doctest.h>

#include <algorithm>

#include "cardea/test/host_crypto.h"
#include "cardea/vault/passcode_key.h"
#include "cardea/vault/passcode_vault.h"
#include "cardea/vault/sealed_key.h"
#include "passcode_holder.h"
#include "token_bench.h"

namespace cardea::test {
namespace {

const Bytes kDigest(32, 0x21);

/// A vault over the token, the card's keys as its holder uses them, and as whoever runs the server could.
struct Scene {
  std::unique_ptr<vault::Vault> vault = vault::Vault::open(shared_token().options()).value();
  Holder holder;
  std::unique_ptr<card::KeyVault> mine =
      vault::make_passcode_vault(vault->keys_of("acme", "card-1"), "acme", "card-1", holder);
  std::unique_ptr<card::KeyVault> hsm = vault->keys_of("acme", "card-1");
  card::KeyHandle key = mine->generate({0x9A, 1}, card::Algorithm::p256).value();
};

}  // namespace

TEST_CASE("behind a passcode the holder signs in the HSM, and the HSM's user cannot [B4]") {
  Scene scene;
  CHECK(ecdsa_verify(scene.key.public_key, kDigest, scene.mine->ecdsa_sign(scene.key, kDigest).value()));

  scene.holder.logged_in = false;
  CHECK(scene.mine->ecdsa_sign(scene.key, kDigest).error() == Error{Errc::denied, "nobody has logged in"});
  // The stored handle given to the HSM as it is, and cut so that each of its octets comes first once.
  CHECK(scene.hsm->ecdsa_sign(scene.key, kDigest).error().code == Errc::corrupt);
  for (std::size_t at = 1; at < scene.key.sealed.size(); at += 16) {
    auto cut = scene.key;
    cut.sealed.erase(cut.sealed.begin(), cut.sealed.begin() + static_cast<std::ptrdiff_t>(at));
    CHECK(scene.hsm->ecdsa_sign(cut, kDigest).error().code == Errc::corrupt);
  }
}

TEST_CASE("nothing that the HSM wrapped stands in the stored handle [B4]") {
  Scene scene;
  const auto inner = vault::open_with_passcode(scene.key, "acme", "card-1", scene.holder.pair).value();
  const auto wrapped = vault::SealedKey::parse(inner).value().wrapped;
  for (std::size_t at = 0; at + 8 <= wrapped.size(); at += 8) {
    const auto block = BytesView{wrapped}.subspan(at, 8);
    const auto& sealed = scene.key.sealed;
    CHECK(std::search(sealed.begin(), sealed.end(), block.begin(), block.end()) == sealed.end());
  }
}

TEST_CASE(
    "a handle from an earlier key, another slot or another card does not sign in this one's place [B4]") {
  Scene scene;
  const auto newer = scene.mine->generate({0x9A, 2}, card::Algorithm::p256).value();
  auto rolled_back = newer;
  rolled_back.sealed = scene.key.sealed;
  CHECK(scene.mine->ecdsa_sign(rolled_back, kDigest).error().code == Errc::corrupt);

  auto moved = scene.key;
  moved.slot.reference = 0x9C;
  CHECK(scene.mine->ecdsa_sign(moved, kDigest).error().code == Errc::corrupt);

  Holder other;
  const auto foreign =
      vault::make_passcode_vault(scene.vault->keys_of("acme", "card-2"), "acme", "card-2", other);
  CHECK(foreign->ecdsa_sign(scene.key, kDigest).error().code == Errc::corrupt);
  // Even with the first card's secret.
  const auto with_secret =
      vault::make_passcode_vault(scene.vault->keys_of("acme", "card-2"), "acme", "card-2", scene.holder);
  CHECK(with_secret->ecdsa_sign(scene.key, kDigest).error().code == Errc::corrupt);
}

TEST_CASE("a database beside a fresh HSM is worth nothing, even to the holder [B1]") {
  Scene scene;
  const TestToken fresh;
  const auto vault = vault::Vault::open(fresh.options()).value();
  const auto restored =
      vault::make_passcode_vault(vault->keys_of("acme", "card-1"), "acme", "card-1", scene.holder);
  CHECK(restored->ecdsa_sign(scene.key, kDigest).error().code == Errc::corrupt);
}

}  // namespace cardea::test

// Keys behind the card's passcode: the laws of every key vault while the holder lends the secret, and what
// happens while nobody does.

#include "cardea/vault/passcode_vault.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "cardea/test/software_key_vault.h"
#include "cardea/vault/passcode_key.h"
#include "key_vault_laws.h"

namespace cardea::test {
namespace {

using card::Algorithm;

/// A holder in person: has the pair, and lends it or not.
class Holder final : public vault::PasscodeHolder {
 public:
  Result<api::hpke::PublicKey> card_key() override { return pair.public_key; }
  Result<api::hpke::KeyPair> lend() override {
    if (!lending) return fail(Errc::denied, "nobody has logged in");
    return copy(stolen ? *stolen : pair);
  }

  static api::hpke::KeyPair copy(const api::hpke::KeyPair& from) {
    Secret<32> secret;
    std::ranges::copy(from.private_key.expose(), secret.expose().begin());
    return {std::move(secret), from.public_key};
  }

  api::hpke::KeyPair pair = api::hpke::generate_key_pair();
  std::optional<api::hpke::KeyPair> stolen;  // lent instead of the right one
  bool lending = true;
};

class PasscodeBench final : public KeyVaultBench {
 public:
  PasscodeBench() : mine_{behind(1, "card-1", holder)}, other_{behind(2, "card-2", other_holder)} {}

  card::KeyVault& vault() override { return *mine_; }
  card::KeyVault& other_card() override { return *other_; }
  bool set_available(bool available) override {
    software_[0]->set_available(available);
    return true;
  }

  Holder holder;
  Holder other_holder;

 private:
  std::unique_ptr<card::KeyVault> behind(std::uint64_t seed, const char* card, Holder& with) {
    auto software = std::make_unique<SoftwareKeyVault>(seed);
    software_.push_back(software.get());
    return vault::make_passcode_vault(std::move(software), "tenant", card, with);
  }

  std::vector<SoftwareKeyVault*> software_;
  std::unique_ptr<card::KeyVault> mine_;
  std::unique_ptr<card::KeyVault> other_;
};

std::unique_ptr<KeyVaultBench> make() {
  return std::make_unique<PasscodeBench>();
}

constexpr card::KeySlot kSlot{0x9A, 1};
constexpr card::KeySlot kFree{0x9E, 1, false};
constexpr Algorithm kSomeRsa[] = {Algorithm::rsa2048};
const Bytes kDigest(32, 0x3C);

}  // namespace

TEST_CASE("behind a passcode: generated keys [B4]") {
  key_vault_generate_laws(make, kSomeRsa);
}
TEST_CASE("behind a passcode: imported keys [B4]") {
  key_vault_import_laws(make);
}
TEST_CASE("behind a passcode: protection [B4]") {
  key_vault_protection_laws(make);
}

TEST_CASE("without the holder's secret every use of every protected key is denied, making keys is not [B4]") {
  PasscodeBench bench;
  bench.holder.lending = false;
  const Error nobody{Errc::denied, "nobody has logged in"};
  const auto ec = bench.vault().generate(kSlot, Algorithm::p256).value();
  CHECK(bench.vault().ecdsa_sign(ec, kDigest).error() == nobody);
  CHECK(bench.vault().ecdh(ec, ec.public_key.point).error() == nobody);
  const auto rsa = bench.vault().generate({0x9D, 1}, Algorithm::rsa2048).value();
  CHECK(bench.vault().rsa_private(rsa, Bytes(256)).error() == nobody);
  CHECK(bench.vault().discard(ec).has_value());

  bench.holder.lending = true;
  CHECK(ecdsa_verify(ec.public_key, kDigest, bench.vault().ecdsa_sign(ec, kDigest).value()));
  bench.holder.lending = false;
  CHECK(bench.vault().ecdsa_sign(ec, kDigest).error() == nobody);
}

TEST_CASE("another secret than the card's is denied [B4]") {
  PasscodeBench bench;
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  bench.holder.stolen = api::hpke::generate_key_pair();
  CHECK(bench.vault().ecdsa_sign(key, kDigest).error() ==
        Error{Errc::denied, "the key was sealed to another secret of the card"});
}

TEST_CASE("what was opened for one use serves only the very same key and secret, while it is lent [B4]") {
  PasscodeBench bench;
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  const auto other = bench.vault().generate({0x9C, 1}, Algorithm::p256).value();
  const auto right = [&] {
    return ecdsa_verify(key.public_key, kDigest, bench.vault().ecdsa_sign(key, kDigest).value());
  };
  CHECK(right());
  CHECK(ecdsa_verify(other.public_key, kDigest, bench.vault().ecdsa_sign(other, kDigest).value()));
  CHECK(right());

  auto damaged = key;
  damaged.sealed.back() = static_cast<std::uint8_t>(damaged.sealed.back() ^ 1);
  CHECK(bench.vault().ecdsa_sign(damaged, kDigest).error().code == Errc::corrupt);
  CHECK(right());
  auto elsewhere = key;
  elsewhere.slot.reference = 0x9C;
  CHECK(bench.vault().ecdsa_sign(elsewhere, kDigest).error().code == Errc::corrupt);
  CHECK(right());
  auto newer = key;
  newer.slot.version = 2;
  CHECK(bench.vault().ecdsa_sign(newer, kDigest).error().code == Errc::corrupt);
  CHECK(right());
  auto of_other = key;
  of_other.public_key = other.public_key;
  CHECK(bench.vault().ecdsa_sign(of_other, kDigest).error().code == Errc::corrupt);

  CHECK(right());
  bench.holder.stolen = api::hpke::generate_key_pair();
  CHECK(bench.vault().ecdsa_sign(key, kDigest).error() ==
        Error{Errc::denied, "the key was sealed to another secret of the card"});
  bench.holder.stolen.reset();
  CHECK(right());
  bench.vault().end_session();
  bench.holder.lending = false;
  CHECK(bench.vault().ecdsa_sign(key, kDigest).error() == Error{Errc::denied, "nobody has logged in"});
}

TEST_CASE("keys that need no PIN, and symmetric ones, work without the holder") {
  PasscodeBench bench;
  bench.holder.lending = false;
  const auto free = bench.vault().generate(kFree, Algorithm::p256).value();
  CHECK_FALSE(vault::has_passcode_layer(free.sealed));
  CHECK(ecdsa_verify(free.public_key, kDigest, bench.vault().ecdsa_sign(free, kDigest).value()));
  const auto management =
      bench.vault().import_symmetric({0x9B, 1}, Algorithm::aes128, SecretBytes{16}).value();
  CHECK_FALSE(vault::has_passcode_layer(management.sealed));
  CHECK(bench.vault().encrypt_block(management, Bytes(16)).has_value());
}

TEST_CASE("the handle inside appears nowhere in the handle outside, and does not open in its place") {
  PasscodeBench bench;
  SoftwareKeyVault same_software{1};
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  REQUIRE(vault::has_passcode_layer(key.sealed));
  // The HSM and the database without the holder.
  CHECK(same_software.ecdsa_sign(key, kDigest).error().code == Errc::corrupt);
  const auto inner = vault::open_with_passcode(key, "tenant", "card-1", bench.holder.pair).value();
  CHECK(std::search(key.sealed.begin(), key.sealed.end(), inner.begin() + 1, inner.begin() + 17) ==
        key.sealed.end());
}

TEST_CASE(
    "a blob of another version, slot, card, tenant or public key is corrupt, even with the right secret "
    "[B4]") {
  PasscodeBench bench;
  auto& pair = bench.holder.pair;
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  const auto newer = bench.vault().generate({0x9A, 2}, Algorithm::p256).value();
  const auto corrupt = [&](const card::KeyHandle& changed, const char* tenant = "tenant",
                           const char* card = "card-1") {
    return vault::open_with_passcode(changed, tenant, card, pair).error().code == Errc::corrupt;
  };
  CHECK(vault::open_with_passcode(key, "tenant", "card-1", pair).has_value());
  CHECK(corrupt(key, "tenant", "card-2"));
  CHECK(corrupt(key, "tenan", "tcard-1"));
  auto changed = newer;
  changed.sealed = key.sealed;
  CHECK(corrupt(changed));
  changed = key;
  changed.slot.version = 2;
  CHECK(corrupt(changed));
  changed = key;
  changed.slot.reference = 0x9C;
  CHECK(corrupt(changed));
  changed = key;
  changed.public_key = newer.public_key;
  CHECK(corrupt(changed));
  changed = key;
  changed.algorithm = Algorithm::p384;
  CHECK(corrupt(changed));
  changed = key;
  changed.sealed[5] ^= 1U;  // the key-encryption key's version, which a rotation reads without opening
  CHECK(corrupt(changed));
}

TEST_CASE("each octet of the outer layer is checked") {
  PasscodeBench bench;
  const auto key = bench.vault().generate(kSlot, Algorithm::p256).value();
  for (std::size_t i = 0; i < key.sealed.size(); ++i) {
    CAPTURE(i);
    auto changed = key;
    changed.sealed[i] ^= 0x01;
    CHECK(bench.vault().ecdsa_sign(changed, kDigest).error().code == Errc::corrupt);
  }
  for (std::size_t n = 0; n < key.sealed.size(); ++n) {
    auto changed = key;
    changed.sealed.resize(n);
    CHECK(bench.vault().ecdsa_sign(changed, kDigest).error().code == Errc::corrupt);
  }
}

}  // namespace cardea::test

#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "cardea/card/ports/forwarding_key_vault.h"
#include "cardea/hex.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/cards.h"
#include "cardea/test/block_cipher.h"
#include "cardea/test/ports.h"
#include "cardea/test/session_cipher.h"
#include "cardea/test/software_key_vault.h"
#include "cardea/test/temp_dir.h"

namespace cardea::test {

/// Counts how often a key is used.
class CountedKeys final : public card::ForwardingKeyVault {
 public:
  CountedKeys(std::unique_ptr<card::KeyVault> keys, unsigned& uses) : keys_{std::move(keys)}, uses_{uses} {}

 private:
  [[nodiscard]] Result<card::KeyVault*> behind() const override { return keys_.get(); }
  Result<card::KeyHandle> use(const card::KeyHandle& key) override {
    ++uses_;
    return key;
  }
  std::unique_ptr<card::KeyVault> keys_;
  unsigned& uses_;
};

/// Keys in software: the service cannot tell it from an HSM.
class MemoryVault final : public vault::Vault {
 public:
  Result<void> ensure_tenant(const std::string&) override {
    if (!available) return fail(Errc::unavailable, "the HSM has gone");
    return {};
  }
  std::unique_ptr<card::KeyVault> keys_of(const std::string&, const std::string& card) override {
    auto keys = std::make_unique<SoftwareKeyVault>(std::hash<std::string>{}(card));
    keys->set_available(available);
    return std::make_unique<CountedKeys>(std::move(keys), uses);
  }
  Result<SecretBytes> tenant_secret(const std::string& organisation, std::string_view label,
                                    std::size_t size) override {
    if (!available) return fail(Errc::unavailable, "the HSM has gone");
    const auto hash = std::hash<std::string>{}(organisation + '/' + std::string{label});
    return SecretBytes{BytesView{Bytes(size, static_cast<std::uint8_t>(hash))}};
  }
  Result<vault::TenantSignature> sign_manifest(const std::string&, BytesView digest) override {
    CARDEA_TRY(auto signature, manifest_keys_.ecdsa_sign(manifest_, digest));
    return vault::TenantSignature{std::move(signature), manifest_.public_key};
  }
  Result<card::PublicKey> manifest_key(const std::string&) override { return manifest_.public_key; }
  Result<card::KeyHandle> make_master(const std::string& organisation, card::KeySlot slot,
                                      card::Algorithm algorithm, unsigned parts) override {
    SecretBytes key{card::key_size(algorithm)};
    std::ranges::fill(key.expose(), static_cast<std::uint8_t>(slot.reference + parts));
    return import_master(organisation, slot, algorithm, key);
  }
  Result<card::KeyHandle> import_master(const std::string& organisation, card::KeySlot slot,
                                        card::Algorithm algorithm, const SecretBytes& key) override {
    if (!available) return fail(Errc::unavailable, "the HSM has gone");
    masters.emplace_back(key.expose());
    return card::KeyHandle{
        algorithm, slot, to_bytes(as_bytes(organisation + std::to_string(masters.size()))), {}};
  }
  Result<Bytes> check_value(const std::string&, const card::KeyHandle& master) override {
    const bool des = master.algorithm == card::Algorithm::tdes;
    const Bytes block(card::block_size(master.algorithm), des ? std::uint8_t{0} : std::uint8_t{1});
    auto out = ecb_encrypt(master.algorithm, masters.back().expose(), block).value();
    out.resize(vault::kCheckValueSize);
    return out;
  }
  Result<void> check() override { return {}; }
  [[nodiscard]] vault::Stats stats() const override { return {}; }

  /// Every octet of such a key is its identifier.
  Result<card::KeyHandle> derive(const std::string& organisation, const std::string& card, card::KeySlot slot,
                                 card::Algorithm algorithm, const card::KeyHandle& master,
                                 const vault::Derivation& how) override {
    derived.push_back({algorithm, master, how});
    return keys_of(organisation, card)
        ->import_symmetric(slot, algorithm,
                           SecretBytes{BytesView{Bytes(card::key_size(algorithm), how.identifier)}});
  }

  struct Derived {
    card::Algorithm algorithm;
    card::KeyHandle master;
    vault::Derivation how;
  };
  std::vector<Derived> derived;
  bool available = true;
  unsigned uses = 0;  ///< of cards' keys
  std::vector<SecretBytes> masters;

 private:
  SoftwareKeyVault manifest_keys_{99};
  card::KeyHandle manifest_ = manifest_keys_.generate({0x01, 1}, card::Algorithm::p256).value();
};

/// Counts what it is told.
class Ear final : public service::Observer {
 public:
  void session_ended(std::string_view, std::string_view, service::SessionEnd reason) noexcept override {
    last_end = reason;
  }
  std::optional<service::SessionEnd> last_end;
};

/// A server's use cases over SQLite in a temporary directory, with a clock that is moved by hand, an
/// organisation "org", a registrar's device "ra" and two persons' devices.
struct Furnished {
  /// PINs in plain text are taken, unless told otherwise: most tests are about something else.
  static service::PinOptions pins_taken(bool plain) {
    return {plain, {api::opaque::Ksf::Function::argon2id, 8 * 1024, 1}};
  }
  explicit Furnished(service::SessionLimits limits = {}, bool plain_pins = true)
      : sessions{world, limits, pins_taken(plain_pins)} {
    must(database->add(store::Organisation{"org", "Trust", clock.now()}));
    must(database->add(store::Organisation{"other", "Other", clock.now()}));
    must(database->add(store::Person{"ann", "org", "Ann", "", clock.now()}));
    must(database->add(store::Person{"bob", "org", "Bob", "", clock.now()}));
    add_device("ra", "org", std::nullopt, store::DeviceRole::registrar);
    add_device("foreign", "other", std::nullopt, store::DeviceRole::registrar);
    add_device("anns", "org", "ann", store::DeviceRole::user);
    add_device("bobs", "org", "bob", store::DeviceRole::user);
  }

  template <class T>
  static T must(Result<T> result) {
    if (!result) FAIL(result.error().what);
    return *std::move(result);
  }
  static void must(const Result<void>& result) {
    if (!result) FAIL(result.error().what);
  }

  void add_device(const char* id, const char* organisation, std::optional<std::string> person,
                  store::DeviceRole role) {
    must(database->add(
        store::Device{id, organisation, std::move(person), role, id, Bytes(32, 1), clock.now(), {}}));
  }
  service::Caller caller(const std::string& device) {
    const auto row = must(database->device(device));
    return {row.id, row.organisation, row.person, row.role};
  }
  store::CardRow issue(std::optional<std::string> holder = std::nullopt) {
    return must(cards.issue({"org", std::move(holder), "piv-nist", "a card"}, "administrator"));
  }
  std::vector<std::string> actions(const std::string& card) {
    store::AuditQuery query;
    query.card = card;
    std::vector<std::string> out;
    for (const auto& line : must(database->audit(query)))
      out.push_back(line.action + (line.success ? "" : " failed"));
    return out;
  }

  TempDir directory{memory_directory()};
  std::unique_ptr<store::Database> database = must(store::Database::open({directory.path / "cardea.db"}));
  MemoryVault vault;
  identity::DeviceDirectory devices{*database};
  OpenSslCrypto crypto;
  OpenSslSessionCipher cipher;
  FakeClock clock;
  SeededRng rng{7};
  Ear ear;
  service::FactoryValues factory_values;
  service::World world{*database, vault, devices, crypto, cipher, clock, rng, ear, &factory_values};
  service::CardSessions sessions;
  service::Cards cards{world, sessions};
};

inline api::Exchange apdus(std::uint64_t sequence, std::initializer_list<const char*> texts) {
  api::Exchange exchange{sequence, {}};
  for (const auto* text : texts)
    exchange.steps.emplace_back(api::CommandStep{from_hex(text).value()});
  return exchange;
}

}  // namespace cardea::test

#pragma once

#include <doctest/doctest.h>
#include <sodium.h>
#include <stdlib.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "cardea/card/ports/clock.h"
#include "cardea/identity/authenticator.h"
#include "cardea/identity/enrolment.h"
#include "cardea/test/must.h"
#include "cardea/test/temp_dir.h"

namespace cardea::identity::test {

using cardea::test::must;
using cardea::test::TempDir;

/// Moves when it is told to.
class Clock final : public card::Clock {
 public:
  [[nodiscard]] store::Time now() const override { return now_; }
  void advance(std::chrono::milliseconds by) { now_ += by; }
  [[nodiscard]] std::chrono::seconds seconds() const {
    return std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch();
  }

 private:
  store::Time now_{std::chrono::seconds{1'750'000'000}};
};

inline std::string sha256_base64url(std::string_view text) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), as_bytes(text).data(), text.size());
  return api::base64url(hash);
}

constexpr auto kHost = "127.0.0.1:8443";
constexpr auto kTokenUrl = "https://127.0.0.1:8443/v1/token";
constexpr auto kCardsUrl = "https://127.0.0.1:8443/v1/cards";
constexpr auto kEnrolmentsUrl = "https://127.0.0.1:8443/v1/enrolments";
constexpr RequestTarget kEnrolments{"POST", "/v1/enrolments", kHost};
constexpr RequestTarget kToken{"POST", "/v1/token", kHost};
constexpr RequestTarget kCards{"GET", "/v1/cards", kHost};

/// Two organisations; Ann of "acme" with a laptop, Rob of "acme" with a registrar's workstation.
struct World {
  TempDir directory;
  Clock clock;
  std::unique_ptr<store::Database> db = must(store::Database::open({directory / "cardea.db"}));
  api::SigningKey laptop = api::generate_signing_key();
  api::SigningKey workstation = api::generate_signing_key();
  DeviceDirectory devices{*db};
  TokenIssuer issuer{api::generate_signing_key()};
  Authenticator doorman{issuer, devices, clock};
  Enrolment enrolment{*db, clock};

  World() {
    const auto now = clock.now();
    must(db->add(store::Organisation{"acme", "Acme", now}));
    must(db->add(store::Organisation{"other", "Other", now}));
    must(db->add(store::Person{"ann", "acme", "Ann", "ann@acme.example", now}));
    must(db->add(store::Person{"rob", "acme", "Rob", "rob@acme.example", now}));
    add(laptop, "acme", "ann", store::DeviceRole::user);
    add(workstation, "acme", "rob", store::DeviceRole::registrar);
    add_card("anns", "acme", "ann", 1);
    add_card("robs", "acme", "rob", 2);
    add_card("nobodys", "acme", std::nullopt, 3);
    add_card("foreign", "other", std::nullopt, 4);
  }

  void add(const api::SigningKey& key, std::string organisation, std::optional<std::string> person,
           store::DeviceRole role) {
    must(db->add(store::Device{api::thumbprint(key.public_key), std::move(organisation), std::move(person),
                               role, "a device", to_bytes(key.public_key), clock.now(), std::nullopt}));
  }
  void add_card(std::string id, std::string organisation, std::optional<std::string> holder,
                std::uint32_t serial) {
    must(db->add(store::CardRow{std::move(id), std::move(organisation), std::move(holder), "piv-nist", "card",
                                serial, store::CardState::active, clock.now()}));
  }

  [[nodiscard]] std::string assertion(const api::SigningKey& key) const {
    return api::make_client_assertion(key, kTokenUrl, clock.seconds());
  }
  [[nodiscard]] std::string token_proof(const api::SigningKey& key) const {
    return api::make_dpop_proof(key, "POST", kTokenUrl, "", clock.seconds());
  }
  [[nodiscard]] std::string cards_proof(const api::SigningKey& key, const std::string& token) const {
    return api::make_dpop_proof(key, "GET", kCardsUrl, token, clock.seconds());
  }
  Result<AccessToken> grant(const std::string& client_assertion, const std::string& proof) {
    return doorman.grant({"client_credentials", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                          client_assertion, proof, kToken});
  }
  [[nodiscard]] std::string enrolment_proof(const api::SigningKey& key, const std::string& code) const {
    // By hand: what api::make_dpop_proof makes for an empty text is the token endpoint's.
    return api::sign_jws({{"typ", "dpop+jwt"}, {"jwk", api::to_jwk(key.public_key)}},
                         {{"jti", "one"},
                          {"htm", "POST"},
                          {"htu", kEnrolmentsUrl},
                          {"iat", clock.seconds().count()},
                          {"ath", sha256_base64url(code)}},
                         key);
  }
  /// As a device does it that has the private key.
  Result<store::Device> enrol(const std::string& code, const api::SigningKey& key, const std::string& name) {
    CARDEA_TRY(const auto proven,
               enrolment.prove({code, key.public_key, enrolment_proof(key, code), kEnrolments}));
    return enrolment.redeem(proven, name);
  }
  std::string token(const api::SigningKey& key) {
    return must(grant(assertion(key), token_proof(key))).token;
  }
  Result<Principal> show(const std::string& token, const std::string& proof) {
    return doorman.authenticate(kCards, {"DPoP " + token, proof});
  }
};

}  // namespace cardea::identity::test

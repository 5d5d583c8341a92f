#include "cardea/identity/dpop.h"

#include "fixture.h"

namespace cardea::identity {
namespace {

using nlohmann::json;
using test::kCards;
using test::kCardsUrl;
using test::must;

constexpr auto kAccessToken = "an-access-token";

struct Proofs {
  test::Clock clock;
  api::SigningKey key = api::generate_signing_key();
  DpopVerifier verifier;
  json header{{"typ", "dpop+jwt"}, {"jwk", api::to_jwk(key.public_key)}};
  json claims{{"jti", "one"},
              {"htm", "GET"},
              {"htu", kCardsUrl},
              {"iat", clock.seconds().count()},
              {"ath", test::sha256_base64url(kAccessToken)}};

  Result<void> verify(const std::string& proof) {
    return verifier.verify(proof, kCards, kAccessToken, api::thumbprint(key.public_key), clock.now());
  }
  Result<void> verify() { return verify(api::sign_jws(header, claims, key)); }
};

TEST_CASE("DPoP: a proof for this request, made now, is accepted [RFC9449#4.3]") {
  Proofs proofs;
  CHECK(proofs.verify().has_value());
}

TEST_CASE("DPoP: a proof works once, also in another order of octets [RFC9449#11.1]") {
  Proofs proofs;
  CHECK(proofs.verify().has_value());
  CHECK_FAILS(proofs.verify(), Errc::denied, "the token was used before");
  proofs.claims["more"] = "octets";
  CHECK_FAILS(proofs.verify(), Errc::denied, "the token was used before");
  proofs.claims["jti"] = "two";
  CHECK(proofs.verify().has_value());
}

TEST_CASE("DPoP: still remembered at the last moment at which the proof is young enough") {
  Proofs proofs;
  CHECK(proofs.verify().has_value());
  proofs.clock.advance(DpopVerifier::kWindow);
  CHECK_FAILS(proofs.verify(), Errc::denied, "the token was used before");
  proofs.clock.advance(std::chrono::milliseconds{1});
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof is too old: compare the clocks");
}

TEST_CASE("DPoP: the window is a minute in both directions [RFC9449#11.1]") {
  Proofs proofs;
  const auto now = proofs.clock.seconds().count();
  proofs.claims["iat"] = now - 60;
  CHECK(proofs.verify().has_value());
  proofs.claims["jti"] = "two";
  proofs.claims["iat"] = now + 60;
  CHECK(proofs.verify().has_value());
  proofs.claims["iat"] = now - 61;
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof is too old: compare the clocks");
  proofs.claims["iat"] = now + 61;
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof is from the future: compare the clocks");
}

TEST_CASE("DPoP: each claim that is missing, of another type or about something else [RFC9449#4.3]") {
  const auto refused = [](const char* claim, const json& value, const char* sentence) {
    CAPTURE(claim);
    CAPTURE(value.dump());
    Proofs proofs;
    if (value.is_discarded()) {
      proofs.claims.erase(claim);
    } else {
      proofs.claims[claim] = value;
    }
    CHECK_FAILS(proofs.verify(), Errc::denied, sentence);
  };
  const json missing(json::value_t::discarded);
  for (const json& value : {missing, json("POST"), json("get"), json(1), json("")})
    refused("htm", value, "the DPoP proof is for another method");
  for (const json& value : {missing, json("https://127.0.0.1:8443/v1/card-sessions"),
                            json("https://127.0.0.1:8444/v1/cards"), json("http://127.0.0.1:8443/v1/cards"),
                            json("https://user@127.0.0.1:8443/v1/cards"), json("/v1/cards"), json(7)})
    refused("htu", value, "the DPoP proof is for another address");
  for (const json& value : {missing, json("1750000000"), json(1.75e9), json(-1), json(~std::uint64_t{0})})
    refused("iat", value, "the DPoP proof does not say when it was made");
  for (const json& value :
       {missing, json(""), json("an-access-token"), json(test::sha256_base64url("other"))})
    refused("ath", value, "the DPoP proof is for another access token");
  for (const json& value : {missing, json(""), json(1), json(std::string(257, 'j'))})
    refused("jti", value, "the DPoP proof has no identifier");
}

TEST_CASE("DPoP: type, key and signature [RFC9449#4.3]") {
  Proofs proofs;
  proofs.header["typ"] = "JWT";
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof is of another type");
  proofs.header["typ"] = "dpop+jwt";
  proofs.header.erase("jwk");
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof has no key");
  proofs.header["jwk"] = {{"kty", "oct"}, {"k", "AA"}};
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof's key: the JWK is not an Ed25519 key");
  proofs.header["jwk"] = api::to_jwk(proofs.key.public_key);
  proofs.header["jwk"]["d"] = "AA";
  CHECK_FAILS(proofs.verify(), Errc::denied, "the DPoP proof's key: the JWK contains a private key");
  proofs.header["jwk"] = api::to_jwk(api::generate_signing_key().public_key);
  CHECK_FAILS(proofs.verify(), Errc::denied, "the token's signature is wrong");
  CHECK_FAILS(proofs.verify(""), Errc::denied, "a DPoP proof is needed");
  CHECK_FAILS(proofs.verify("a.b.c"), Errc::denied, "the token is not base64url");
}

TEST_CASE("DPoP: a refused proof does not use up its identifier") {
  Proofs proofs;
  proofs.claims["htm"] = "POST";
  CHECK_FALSE(proofs.verify().has_value());
  proofs.claims["htm"] = "GET";
  CHECK(proofs.verify().has_value());
}

TEST_CASE("DPoP: a proof with another key is refused and not remembered [RFC9449#7.1]") {
  Proofs proofs;
  const auto stranger = api::generate_signing_key();
  auto header = proofs.header;
  header["jwk"] = api::to_jwk(stranger.public_key);
  for (int i = 0; i < 2; ++i)
    CHECK_FAILS(proofs.verify(api::sign_jws(header, proofs.claims, stranger)), Errc::denied,
                "the DPoP proof is made with another key");
  CHECK(proofs.verify().has_value());
}

TEST_CASE("htu: normalised before it is compared [RFC9449#4.3] [RFC3986#6.2]") {
  CHECK(same_target("https://127.0.0.1:8443/v1/cards", "127.0.0.1:8443", "/v1/cards"));
  CHECK(same_target("HTTPS://Cards.Example/v1/cards", "cards.example", "/v1/cards"));
  CHECK(same_target("https://cards.example:443/v1/cards", "cards.example", "/v1/cards"));
  CHECK(same_target("https://cards.example/v1/cards", "CARDS.EXAMPLE:443", "/v1/cards?limit=1"));
  CHECK(same_target("https://cards.example/v1/cards?x#y", "cards.example", "/v1/cards"));
  CHECK(same_target("https://[::1]:8443", "[::1]:8443", "/"));
  CHECK_FALSE(same_target("https://cards.example/V1/cards", "cards.example", "/v1/cards"));
  CHECK_FALSE(same_target("https://cards.example/v1/cards/", "cards.example", "/v1/cards"));
  CHECK_FALSE(same_target("https://cards.example.evil/v1/cards", "cards.example", "/v1/cards"));
  CHECK_FALSE(same_target("https://cards.example@evil/v1/cards", "evil", "/v1/cards"));
  CHECK_FALSE(same_target("https:///v1/cards", "", "/v1/cards"));
  CHECK_FALSE(same_target("https:", "", ""));
}

TEST_CASE("replay cache: full means no, until something may be forgotten") {
  ReplayCache cache{2, 2};
  const store::Time start{std::chrono::seconds{100}};
  const std::chrono::seconds second{1};
  CHECK(cache.use("a", "1", start + second, start).has_value());
  CHECK(cache.use("a", "2", start + 2 * second, start).has_value());
  CHECK_FAILS(cache.use("a", "3", start + second, start), Errc::exhausted,
              "too many tokens are being used at once");
  CHECK_FAILS(cache.use("a", "1", start + second, start + second), Errc::denied, "the token was used before");
  const auto later = start + second + std::chrono::milliseconds{1};
  CHECK(cache.use("a", "3", later + second, later).has_value());
  CHECK_FAILS(cache.use("a", "2", later + second, later), Errc::denied, "the token was used before");
}

TEST_CASE("replay cache: one owner's limit leaves room for all others, and is given back with time") {
  ReplayCache cache{10, 2};
  const store::Time start{std::chrono::seconds{100}};
  const std::chrono::seconds second{1};
  CHECK(cache.use("a", "1", start + second, start).has_value());
  CHECK(cache.use("a", "2", start + 2 * second, start).has_value());
  CHECK_FAILS(cache.use("a", "3", start + second, start), Errc::exhausted,
              "the device uses too many tokens at once");
  CHECK_FAILS(cache.use("a", "2", start + second, start), Errc::denied, "the token was used before");
  CHECK(cache.use("b", "3", start + second, start).has_value());
  const auto later = start + second + std::chrono::milliseconds{1};
  CHECK(cache.use("a", "3", later + second, later).has_value());
  CHECK_FAILS(cache.use("a", "4", later + second, later), Errc::exhausted,
              "the device uses too many tokens at once");
}

TEST_CASE("replay cache: identifiers belong to their owner") {
  ReplayCache cache{10, 10};
  const store::Time now{std::chrono::seconds{100}};
  CHECK(cache.use("a", "1", now, now).has_value());
  CHECK(cache.use("b", "1", now, now).has_value());
}

}  // namespace
}  // namespace cardea::identity

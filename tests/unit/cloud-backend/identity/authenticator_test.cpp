#include "cardea/identity/authenticator.h"

#include "fixture.h"

namespace cardea::identity {
namespace {

using nlohmann::json;
using test::kCards;
using test::kToken;
using test::kTokenUrl;
using test::must;
using test::World;

TEST_CASE("a device gets a token with its key and is recognised by it [C1]") {
  World world;
  const auto token = world.token(world.laptop);
  const auto who = must(world.show(token, world.cards_proof(world.laptop, token)));
  CHECK(who == Principal{api::thumbprint(world.laptop.public_key), "acme", "ann", store::DeviceRole::user});
  CHECK(must(world.doorman.authenticate("GET", "/v1/cards", test::kHost, "dpop " + token,
                                        world.cards_proof(world.laptop, token))) == who);
}

TEST_CASE("a token is worth nothing without its key [RFC9449#7.1]") {
  World world;
  const auto token = world.token(world.laptop);
  CHECK_FAILS(world.show(token, ""), Errc::denied, "a DPoP proof is needed");
  CHECK_FAILS(world.show(token, world.cards_proof(world.workstation, token)), Errc::denied,
              "the DPoP proof is made with another key");
  CHECK_FAILS(world.show(token, world.cards_proof(world.laptop, world.token(world.laptop))), Errc::denied,
              "the DPoP proof is for another access token");
  const auto proof = world.cards_proof(world.laptop, token);
  for (const char* scheme : {"", "Bearer ", "DPoP", "DPoP: "}) {
    CAPTURE(scheme);
    CHECK_FALSE(world.doorman.authenticate(kCards, {scheme + token, proof}).has_value());
  }
  CHECK_FAILS(world.doorman.authenticate(kCards, {"Bearer " + token, proof}), Errc::denied,
              "an access token is needed (Authorization: DPoP …)");
}

TEST_CASE("a proof that was seen is not accepted again, and one for another route neither [C1]") {
  World world;
  const auto token = world.token(world.laptop);
  const auto proof = world.cards_proof(world.laptop, token);
  CHECK(world.show(token, proof).has_value());
  CHECK_FAILS(world.show(token, proof), Errc::denied, "the token was used before");
  CHECK_FAILS(world.doorman.authenticate(RequestTarget{"POST", "/v1/card-sessions", test::kHost},
                                         {"DPoP " + token, world.cards_proof(world.laptop, token)}),
              Errc::denied, "the DPoP proof is for another method");
}

TEST_CASE("an expired token is refused whatever the proof") {
  World world;
  const auto token = world.token(world.laptop);
  world.clock.advance(std::chrono::minutes{12});
  CHECK_FAILS(world.show(token, world.cards_proof(world.laptop, token)), Errc::denied,
              "the access token has expired");
}

TEST_CASE("a revoked device is refused at once, with a token in hand or without [C1]") {
  World world;
  const auto token = world.token(world.laptop);
  CHECK(world.show(token, world.cards_proof(world.laptop, token)).has_value());
  const auto id = api::thumbprint(world.laptop.public_key);
  must(world.db->revoke_device(id, world.clock.now()));
  world.devices.revoked(id);
  CHECK_FAILS(world.show(token, world.cards_proof(world.laptop, token)), Errc::denied,
              "the device has been revoked");
  CHECK_FAILS(world.grant(world.assertion(world.laptop), world.token_proof(world.laptop)), Errc::denied,
              "the device has been revoked");
  CHECK(world.grant(world.assertion(world.workstation), world.token_proof(world.workstation)).has_value());
}

TEST_CASE("the token endpoint: grant and assertion types [RFC7523#2.2]") {
  World world;
  const auto assertion = world.assertion(world.laptop);
  const auto proof = world.token_proof(world.laptop);
  const auto type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  CHECK_FAILS(world.doorman.grant({"password", type, assertion, proof, kToken}), Errc::invalid,
              "\"grant_type\" is not client_credentials");
  CHECK_FAILS(world.doorman.grant({"client_credentials", "", assertion, proof, kToken}), Errc::invalid,
              "\"client_assertion_type\" is not urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
}

TEST_CASE("the token endpoint: unknown devices, foreign proofs, replays") {
  World world;
  const auto stranger = api::generate_signing_key();
  CHECK_FAILS(world.grant(world.assertion(stranger), world.token_proof(stranger)), Errc::denied,
              "the device is not known here");
  CHECK_FAILS(world.grant(world.assertion(world.laptop), world.token_proof(stranger)), Errc::denied,
              "the DPoP proof is made with another key");
  const auto assertion = world.assertion(world.laptop);
  CHECK(world.grant(assertion, world.token_proof(world.laptop)).has_value());
  CHECK_FAILS(world.grant(assertion, world.token_proof(world.laptop)), Errc::denied,
              "the token was used before");
  CHECK_FAILS(world.grant("", world.token_proof(world.laptop)), Errc::denied,
              "the token has not three parts");
}

struct Assertion {
  World world;
  std::string device = api::thumbprint(world.laptop.public_key);
  json header{{"typ", "JWT"}, {"kid", device}};
  json claims{{"iss", device},
              {"sub", device},
              {"aud", kTokenUrl},
              {"jti", "one"},
              {"iat", world.clock.seconds().count()},
              {"exp", world.clock.seconds().count() + 60}};

  Result<AccessToken> grant() {
    return world.grant(api::sign_jws(header, claims, world.laptop), world.token_proof(world.laptop));
  }
};

TEST_CASE("client assertion: audience as text or as an array of one [RFC7523#3]") {
  Assertion assertion;
  CHECK(assertion.grant().has_value());
  assertion.claims["jti"] = "two";
  assertion.claims["aud"] = json::array({kTokenUrl});
  CHECK(assertion.grant().has_value());
}

TEST_CASE("client assertion: every claim that is wrong [RFC7523#3]") {
  const auto refused = [](const char* claim, const json& value, const char* sentence) {
    CAPTURE(claim);
    CAPTURE(value.dump());
    Assertion assertion;
    assertion.claims[claim] = value;
    CHECK_FAILS(assertion.grant(), Errc::denied, sentence);
  };
  constexpr std::int64_t kNow = 1'750'000'000;
  refused("iss", "other", "the client assertion is about another device");
  refused("sub", nullptr, "the client assertion is about another device");
  refused("aud", "https://evil.example/v1/token", "the client assertion is for another server");
  refused("aud", json::array({kTokenUrl, "https://evil.example"}),
          "the client assertion is for another server");
  refused("aud", nullptr, "the client assertion is for another server");
  refused("exp", nullptr, "the client assertion does not expire");
  refused("exp", kNow - 60, "the client assertion has expired: compare the clocks");
  refused("exp", kNow + 361, "the client assertion lives longer than five minutes");
  refused("nbf", kNow + 61, "the client assertion is not valid yet");
  refused("nbf", "x", "the client assertion is not valid yet");
  refused("jti", "", "the client assertion has no identifier");
}

TEST_CASE("client assertion: a key that it brings along, or none that it names") {
  Assertion assertion;
  assertion.header["jwk"] = api::to_jwk(assertion.world.laptop.public_key);
  CHECK_FAILS(assertion.grant(), Errc::denied, "the client assertion's header has \"jwk\"");
  assertion.header.erase("jwk");
  assertion.header.erase("kid");
  CHECK_FAILS(assertion.grant(), Errc::denied, "the client assertion does not name its key (\"kid\")");
  assertion.header["kid"] = api::thumbprint(assertion.world.workstation.public_key);
  CHECK_FAILS(assertion.grant(), Errc::denied, "the token's signature is wrong");
}

TEST_CASE("client assertion: an access token or a proof is none, and the other way round") {
  World world;
  const auto token = world.token(world.laptop);
  CHECK_FALSE(world.grant(token, world.token_proof(world.laptop)).has_value());
  CHECK_FALSE(world.grant(world.token_proof(world.laptop), world.token_proof(world.laptop)).has_value());
  const auto assertion = world.assertion(world.laptop);
  CHECK_FALSE(world.show(assertion, world.cards_proof(world.laptop, assertion)).has_value());
  CHECK_FAILS(world.show(token, world.assertion(world.laptop)), Errc::denied,
              "the DPoP proof is of another type");
}

}  // namespace
}  // namespace cardea::identity

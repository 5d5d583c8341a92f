#include "cardea/api/jose.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cardea/hex.h"
#include "compact.h"
#include "tokens.h"

namespace cardea::api {
namespace {

using test::must;
using test::raw_jws;
using test::rfc8037_key;

constexpr auto kRfc8037Jws =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6d"
    "WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

nlohmann::json payload_of(const std::string& compact, const VerifyKey& key) {
  return nlohmann::json::parse(must(verify_jws(compact, key)).payload_json);
}

TEST_CASE("base64url: the vectors of RFC 4648, section 10, without padding [RFC4648#10]") {
  CHECK(base64url(as_bytes("")).empty());
  CHECK(base64url(as_bytes("f")) == "Zg");
  CHECK(base64url(as_bytes("fo")) == "Zm8");
  CHECK(base64url(as_bytes("foo")) == "Zm9v");
  CHECK(base64url(as_bytes("foob")) == "Zm9vYg");
  CHECK(base64url(as_bytes("fooba")) == "Zm9vYmE");
  CHECK(base64url(as_bytes("foobar")) == "Zm9vYmFy");
  CHECK(from_base64url("Zm9vYmE") == to_bytes(as_bytes("fooba")));
  CHECK(from_base64url("-_8") == Bytes{0xFB, 0xFF});
  CHECK(from_base64url("") == Bytes{});
}

TEST_CASE("base64url: nothing outside the alphabet, no padding, no stray bits [RFC4648#5]") {
  for (const char* text : {"Zg==", "Zm8=", "Z", "Zm9vY", "Zh", "Zm9", "+/8", "Zm 8", "Zm8\n", "Zm.8"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64url(text).has_value());
  }
  for (int c = 0x80; c <= 0xFF; ++c) {
    CAPTURE(c);
    CHECK_FALSE(from_base64url(std::string{'A', 'A', 'A', static_cast<char>(c)}).has_value());
  }
  CHECK_FALSE(from_base64url(std::string_view{"AA\0A", 4}).has_value());
}

TEST_CASE("JWK of RFC 8037: public key and thumbprint [RFC8037#A.2] [RFC8037#A.3] [RFC7638#3]") {
  const auto key = rfc8037_key();
  CHECK(to_jwk(key.public_key) ==
        nlohmann::json::parse(
            R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"));
  CHECK(thumbprint(key.public_key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  CHECK(from_jwk(to_jwk(key.public_key)) == key.public_key);
}

TEST_CASE("JWK: what is no public Ed25519 key is refused") {
  const auto refused = [](const char* text, const char* sentence) {
    CAPTURE(text);
    CHECK_FAILS(from_jwk(nlohmann::json::parse(text)), Errc::invalid, sentence);
  };
  refused("[]", "the JWK is not an Ed25519 key");
  refused(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})", "the JWK is not an Ed25519 key");
  refused(R"({"kty":"OKP","crv":"X25519","x":"AA"})", "the JWK is not an Ed25519 key");
  refused(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})", "the JWK's \"x\" has not 32 octets");
  refused(R"({"kty":"OKP","crv":"Ed25519","x":7})", "the JWK's \"x\" has not 32 octets");
  refused(R"({"kty":"OKP","crv":"Ed25519","x":"A="})", "base64url has a character outside its alphabet");
  refused(R"({"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})",
          "the JWK's \"x\" is no point of the curve");  // the neutral element, of order 1
  refused(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"})",
          "the JWK contains a private key");
}

TEST_CASE("a seed has 32 octets") {
  CHECK_FAILS(signing_key_from_seed(SecretBytes{31}), Errc::invalid,
              "the seed of an Ed25519 key has 32 octets");
}

TEST_CASE("JWS of RFC 8037 [RFC8037#A.4] [RFC8037#A.5]") {
  const auto key = rfc8037_key();
  CHECK(raw_jws(R"({"alg":"EdDSA"})", "Example of Ed25519 signing", key) == kRfc8037Jws);
  const auto jws = must(verify_compact(kRfc8037Jws, key.public_key));
  CHECK(jws.header_json == R"({"alg":"EdDSA"})");
  CHECK(jws.payload_json == "Example of Ed25519 signing");
  // As a token of ours it will not do: its payload is a sentence.
  CHECK_FAILS(verify_jws(kRfc8037Jws, key.public_key), Errc::denied,
              "the token's payload is not a JSON object without duplicates");
}

TEST_CASE("JWS: sign and verify") {
  const auto key = generate_signing_key();
  const auto compact = sign_jws({{"typ", "JWT"}}, {{"iat", 7}}, key);
  const auto jws = must(verify_jws(compact, key.public_key));
  CHECK(nlohmann::json::parse(jws.header_json) == nlohmann::json{{"alg", "EdDSA"}, {"typ", "JWT"}});
  CHECK(jws.payload_json == R"({"iat":7})");
  CHECK(peek_jws_header(compact) == jws.header_json);
  CHECK_FAILS(verify_jws(compact, generate_signing_key().public_key), Errc::denied,
              "the token's signature is wrong");
}

TEST_CASE("JWS: algorithms, foreign keys and duplicates are refused even when the signature is good [C1]") {
  const auto key = rfc8037_key();
  const auto refused = [&key](const char* header, const char* sentence) {
    CAPTURE(header);
    const auto compact = raw_jws(header, "{}", key);
    CHECK_FAILS(verify_jws(compact, key.public_key), Errc::denied, sentence);
    CHECK_FAILS(peek_jws_header(compact), Errc::denied, sentence);
  };
  for (const char* alg : {"none", "None", "HS256", "RS256", "ES256", "eddsa", "Ed25519", ""}) {
    refused((std::string{R"({"alg":")"} + alg + "\"}").c_str(), "the token's \"alg\" is not EdDSA");
  }
  refused(R"({})", "the token's \"alg\" is not EdDSA");
  refused(R"({"alg":["EdDSA"]})", "the token's \"alg\" is not EdDSA");
  refused(R"({"alg":"EdDSA","jku":"https://x.example"})", "the token's header has \"jku\"");
  refused(R"({"alg":"EdDSA","x5u":"https://x.example"})", "the token's header has \"x5u\"");
  refused(R"({"alg":"EdDSA","x5c":[]})", "the token's header has \"x5c\"");
  refused(R"({"alg":"EdDSA","crit":["exp"]})", "the token's header has \"crit\"");
  constexpr auto kNoObject = "the token's header is not a JSON object without duplicates";
  refused(R"({"alg":"none","alg":"EdDSA"})", kNoObject);
  refused(R"({"alg":"EdDSA","\u0061lg":"none"})", kNoObject);
  refused(R"({"alg":"EdDSA","jwk":{"x":"a","x":"b"}})", kNoObject);
  refused(R"({"alg":"EdDSA"}x)", kNoObject);
  refused(R"(["EdDSA"])", kNoObject);
  refused("{\"alg\":\"EdDSA\",\"a\":\"\xFF\"}", kNoObject);
  refused(R"({"alg":"EdDSA","a":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]})", kNoObject);
  CHECK_FAILS(verify_jws(raw_jws(R"({"alg":"EdDSA"})", R"({"sub":"a","sub":"b"})", key), key.public_key),
              Errc::denied, "the token's payload is not a JSON object without duplicates");
}

TEST_CASE("JWS: anything that is not three parts of base64url is refused") {
  const auto key = rfc8037_key();
  const auto good = sign_jws({}, {{"a", 1}}, key);
  for (const auto& text :
       {std::string{}, std::string{"a"}, std::string{"."}, std::string{"a.b"}, good + ".", good + ".AA"}) {
    CAPTURE(text);
    CHECK_FAILS(verify_jws(text, key.public_key), Errc::denied, "the token has not three parts");
  }
  CHECK_FAILS(verify_jws(good + "=", key.public_key), Errc::denied, "the token is not base64url");
  CHECK_FAILS(verify_jws(" " + good, key.public_key), Errc::denied, "the token is not base64url");
  CHECK_FAILS(verify_jws(good.substr(0, good.size() - 2), key.public_key), Errc::denied,
              "the token's signature is wrong");
  CHECK_FAILS(verify_jws(good.substr(0, good.rfind('.') + 1), key.public_key), Errc::denied,
              "the token's signature is wrong");
}

TEST_CASE("JWS: 8 KiB are read, one octet more is not") {
  const auto key = rfc8037_key();
  const auto sized = [&key](std::size_t padding) {
    return raw_jws(R"({"alg":"EdDSA"})", R"({"a":")" + std::string(padding, 'x') + "\"}", key);
  };
  std::size_t padding = 6000;
  while (sized(padding + 1).size() <= 8192)
    ++padding;
  CHECK(verify_jws(sized(padding), key.public_key).has_value());
  CHECK_FAILS(verify_jws(sized(padding + 2), key.public_key), Errc::denied, "the token is longer than 8 KiB");
  CHECK_FAILS(verify_jws(std::string(8193, 'a'), key.public_key), Errc::denied,
              "the token is longer than 8 KiB");
}

TEST_CASE("DPoP proof: the shape of RFC 9449 [RFC9449#4.2]") {
  const auto key = rfc8037_key();
  const auto proof = make_dpop_proof(key, "POST", "https://server.example/v1/token?a=b#c", "",
                                     std::chrono::seconds{1700000000});
  const auto header = nlohmann::json::parse(must(peek_jws_header(proof)));
  CHECK(header == nlohmann::json{{"typ", "dpop+jwt"}, {"alg", "EdDSA"}, {"jwk", to_jwk(key.public_key)}});
  auto payload = payload_of(proof, key.public_key);
  CHECK(payload["jti"].get<std::string>().size() == 22);  // 128 random bits
  payload.erase("jti");
  CHECK(payload ==
        nlohmann::json{{"htm", "POST"}, {"htu", "https://server.example/v1/token"}, {"iat", 1700000000}});
}

TEST_CASE("DPoP proof: \"ath\" is the hash of the access token [RFC9449#4.2]") {
  // Access token and hash of RFC 9449, section 7.1.
  const auto key = rfc8037_key();
  const auto proof = make_dpop_proof(key, "GET", "https://resource.example.org/protectedresource",
                                     "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", std::chrono::seconds{1});
  CHECK(payload_of(proof, key.public_key)["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

TEST_CASE("DPoP proofs and assertions have a name of their own each") {
  const auto key = rfc8037_key();
  const auto id = [&key](const std::string& compact) { return payload_of(compact, key.public_key)["jti"]; };
  const std::chrono::seconds now{1700000000};
  CHECK(id(make_dpop_proof(key, "GET", "https://a", "", now)) !=
        id(make_dpop_proof(key, "GET", "https://a", "", now)));
  CHECK(id(make_client_assertion(key, "https://a", now)) != id(make_client_assertion(key, "https://a", now)));
}

TEST_CASE("client assertion: issuer and subject are the device, and it lives one minute [RFC7523#3]") {
  const auto key = rfc8037_key();
  const auto assertion =
      make_client_assertion(key, "https://server.example/v1/token", std::chrono::seconds{1000});
  auto payload = payload_of(assertion, key.public_key);
  payload.erase("jti");
  const auto device = thumbprint(key.public_key);
  CHECK(payload == nlohmann::json{{"iss", device},
                                  {"sub", device},
                                  {"aud", "https://server.example/v1/token"},
                                  {"iat", 1000},
                                  {"exp", 1060}});
}

}  // namespace
}  // namespace cardea::api

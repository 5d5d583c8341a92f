#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::api {

/// Ed25519 key pair (RFC 8032): the identity of a device, and of the server as token issuer.
struct SigningKey {
  Secret<64> private_key;  ///< libsodium's form: seed ‖ public key
  std::array<std::uint8_t, 32> public_key{};
};
using VerifyKey = std::array<std::uint8_t, 32>;

SigningKey generate_signing_key();
/// From a 32-octet seed. Errors: `invalid` for another length.
Result<SigningKey> signing_key_from_seed(const SecretBytes& seed);

/// base64url without padding (RFC 4648, section 5). Reading refuses every character outside the alphabet,
/// padding and non-zero trailing bits.
std::string base64url(BytesView octets);
Result<Bytes> from_base64url(std::string_view text);

/// The public key as a JWK (RFC 8037): {"kty":"OKP","crv":"Ed25519","x":…}.
nlohmann::json to_jwk(const VerifyKey& key);
Result<VerifyKey> from_jwk(const nlohmann::json& jwk);

/// JWK thumbprint, SHA-256, base64url (RFC 7638): the name of a device.
std::string thumbprint(const VerifyKey& key);

/// A compact JWS (RFC 7515) with "alg":"EdDSA"; `header` is added to {"alg":"EdDSA"}.
std::string sign_jws(const nlohmann::json& header, const nlohmann::json& payload, const SigningKey& key);

struct Jws {
  std::string header_json;
  std::string payload_json;
};

/// Takes a compact JWS apart and checks its signature. Refused (`denied`): any "alg" but EdDSA, "jku", "x5u",
/// "x5c", "crit", duplicate member names, more than 8 KiB, a bad signature.
Result<Jws> verify_jws(std::string_view compact, const VerifyKey& key);

/// The header only, unverified: to learn "kid", or the "jwk" that a DPoP proof carries. Same refusals but the
/// signature.
Result<std::string> peek_jws_header(std::string_view compact);

/// DPoP proof (RFC 9449, section 4.2) for one request. `access_token` is empty at the token endpoint, and the
/// one-time code where a device enrols.
std::string make_dpop_proof(const SigningKey& key, std::string_view method, std::string_view url,
                            std::string_view access_token, std::chrono::seconds now);

/// Client assertion for `private_key_jwt` (RFC 7523, section 3): iss = sub = device thumbprint.
std::string make_client_assertion(const SigningKey& key, std::string_view audience, std::chrono::seconds now);

}  // namespace cardea::api

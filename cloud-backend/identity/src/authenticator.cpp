#include "cardea/identity/authenticator.h"

#include <algorithm>

#include "claims.h"

namespace cardea::identity {
namespace {

constexpr std::string_view kGrant = "client_credentials";
constexpr std::string_view kAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::chrono::minutes kLongestAssertion{5};

Principal principal_of(const store::Device& device) {
  return {device.id, device.organisation, device.person, device.role};
}

Result<api::VerifyKey> key_of(const store::Device& device) {
  api::VerifyKey key{};
  if (device.public_key.size() != key.size())
    return fail(Errc::corrupt, "the public key of device " + device.id + " is damaged");
  std::copy(device.public_key.begin(), device.public_key.end(), key.begin());
  return key;
}

/// Which device an assertion says it is from; unverified.
Result<std::string> claimed_device(std::string_view assertion) {
  CARDEA_TRY(const auto text, api::peek_jws_header(assertion));
  CARDEA_TRY(const auto header, read_object(text));
  // Whoever brings the key along proves nothing.
  if (header.contains("jwk")) return denied("the client assertion's header has \"jwk\"");
  auto kid = api::text_member(header, "kid");
  if (kid.empty()) return denied("the client assertion does not name its key (\"kid\")");
  return kid;
}

/// RFC 7523, section 3: one audience, as text or as an array of one.
std::string audience_of(const nlohmann::json& claims) {
  const auto aud = claims.find("aud");
  if (aud != claims.end() && aud->is_array() && aud->size() == 1 && aud->front().is_string())
    return aud->front().get<std::string>();
  return api::text_member(claims, "aud");
}

Result<void> check_assertion(const nlohmann::json& claims, const store::Device& device,
                             const RequestTarget& target, store::Time now) {
  if (api::text_member(claims, "iss") != device.id || api::text_member(claims, "sub") != device.id)
    return denied("the client assertion is about another device");
  if (!same_target(audience_of(claims), target.host, target.path))
    return denied("the client assertion is for another server");
  const auto expires = time_member(claims, "exp");
  if (!expires) return denied("the client assertion does not expire");
  if (*expires + TokenIssuer::kSkew <= now)
    return denied("the client assertion has expired: compare the clocks");
  if (*expires > now + kLongestAssertion + TokenIssuer::kSkew)
    return denied("the client assertion lives longer than five minutes");
  if (claims.contains("nbf")) {
    const auto begins = time_member(claims, "nbf");
    if (!begins || *begins > now + TokenIssuer::kSkew) return denied("the client assertion is not valid yet");
  }
  if (!usable_id(api::text_member(claims, "jti"))) return denied("the client assertion has no identifier");
  return {};
}

/// "DPoP <token>", the scheme in any case (RFC 9110, section 11.1); nothing for anything else.
std::string_view token_in(std::string_view authorization) {
  constexpr std::string_view kScheme = "dpop ";
  const auto scheme = authorization.substr(0, kScheme.size());
  const bool is_dpop = std::equal(scheme.begin(), scheme.end(), kScheme.begin(), kScheme.end(),
                                  [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 0x20 : a) == b; });
  return is_dpop ? authorization.substr(kScheme.size()) : std::string_view{};
}

}  // namespace

Result<store::Device> Authenticator::asserting_device(const TokenRequest& request, store::Time now) {
  CARDEA_TRY(const auto id, claimed_device(request.client_assertion));
  CARDEA_TRY(auto device, devices_.find(id));
  CARDEA_TRY(const auto key, key_of(device));
  CARDEA_TRY(const auto jws, api::verify_jws(request.client_assertion, key));
  CARDEA_TRY(const auto claims, read_object(jws.payload_json));
  CARDEA_CHECK(check_assertion(claims, device, request.target, now));
  CARDEA_CHECK(assertions_.use(device.id, api::text_member(claims, "jti"),
                               *time_member(claims, "exp") + TokenIssuer::kSkew, now));
  return device;
}

Result<AccessToken> Authenticator::grant(const TokenRequest& request) {
  if (request.grant_type != kGrant) return fail(Errc::invalid, "\"grant_type\" is not client_credentials");
  if (request.client_assertion_type != kAssertion)
    return fail(Errc::invalid, "\"client_assertion_type\" is not " + std::string{kAssertion});
  const auto now = clock_.now();
  CARDEA_TRY(const auto device, asserting_device(request, now));
  CARDEA_CHECK(proofs_.verify(request.dpop, request.target, {}, device.id, now));
  return issuer_.issue(principal_of(device), now);
}

Result<Principal> Authenticator::authenticate(const RequestTarget& target, const Credentials& credentials) {
  const auto token = token_in(credentials.authorization);
  if (token.empty()) return denied("an access token is needed (Authorization: DPoP …)");
  const auto now = clock_.now();
  CARDEA_TRY(const auto claims, issuer_.verify(token, now));
  CARDEA_CHECK(proofs_.verify(credentials.dpop, target, token, claims.thumbprint, now));
  CARDEA_TRY(const auto device, devices_.find(claims.device));
  if (device.organisation != claims.organisation)
    return denied("the access token is of another organisation");
  return principal_of(device);
}

}  // namespace cardea::identity

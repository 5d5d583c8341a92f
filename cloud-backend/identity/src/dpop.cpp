#include "cardea/identity/dpop.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>

#include "claims.h"

namespace cardea::identity {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string normal_authority(std::string_view authority) {
  std::string normal{authority};
  std::transform(normal.begin(), normal.end(), normal.begin(), lower);
  constexpr std::string_view kDefaultPort = ":443";
  if (normal.ends_with(kDefaultPort)) normal.resize(normal.size() - kDefaultPort.size());
  return normal;
}

std::string_view normal_path(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  return path.empty() ? "/" : path;
}

std::string hash_of(std::string_view token) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), as_bytes(token).data(), token.size());
  return api::base64url(hash);
}

Result<api::VerifyKey> key_in(std::string_view proof) {
  CARDEA_TRY(const auto text, api::peek_jws_header(proof));
  CARDEA_TRY(const auto header, read_object(text));
  if (api::text_member(header, "typ") != "dpop+jwt") return denied("the DPoP proof is of another type");
  const auto jwk = header.find("jwk");
  if (jwk == header.end()) return denied("the DPoP proof has no key");
  auto key = api::from_jwk(*jwk);
  if (!key) return denied("the DPoP proof's key: " + key.error().what);
  return key;
}

/// What the request shows besides the proof, and "ath" has to be about.
struct Credential {
  std::string_view value;
  const char* kind;
};

Result<void> check_claims(const nlohmann::json& claims, const RequestTarget& target,
                          const std::optional<Credential>& shown, store::Time now) {
  if (api::text_member(claims, "htm") != target.method) return denied("the DPoP proof is for another method");
  if (!same_target(api::text_member(claims, "htu"), target.host, target.path))
    return denied("the DPoP proof is for another address");
  const auto made = time_member(claims, "iat");
  if (!made) return denied("the DPoP proof does not say when it was made");
  if (*made + DpopVerifier::kWindow < now) return denied("the DPoP proof is too old: compare the clocks");
  if (*made > now + DpopVerifier::kWindow)
    return denied("the DPoP proof is from the future: compare the clocks");
  if (shown && api::text_member(claims, "ath") != hash_of(shown->value))
    return denied(std::string{"the DPoP proof is for another "} + shown->kind);
  if (!usable_id(api::text_member(claims, "jti"))) return denied("the DPoP proof has no identifier");
  return {};
}

/// The claims of a proof to which there is nothing to say, unless it was seen before.
Result<nlohmann::json> claims_of(std::string_view proof, const RequestTarget& target,
                                 const std::optional<Credential>& shown, std::string_view thumbprint,
                                 store::Time now) {
  if (proof.empty()) return denied("a DPoP proof is needed");
  CARDEA_TRY(const auto key, key_in(proof));
  CARDEA_TRY(const auto jws, api::verify_jws(proof, key));
  CARDEA_TRY(auto claims, read_object(jws.payload_json));
  CARDEA_CHECK(check_claims(claims, target, shown, now));
  if (api::thumbprint(key) != thumbprint) return denied("the DPoP proof is made with another key");
  return claims;
}

}  // namespace

bool same_target(std::string_view url, std::string_view host, std::string_view path) {
  constexpr std::string_view kScheme = "https://";
  const auto scheme = url.substr(0, kScheme.size());
  if (!std::equal(scheme.begin(), scheme.end(), kScheme.begin(), kScheme.end(),
                  [](char a, char b) { return lower(a) == b; })) {
    return false;
  }
  url.remove_prefix(kScheme.size());
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  const auto authority = url.substr(0, end);
  if (authority.empty() || authority.find('@') != std::string_view::npos) return false;
  return normal_authority(authority) == normal_authority(host) &&
         normal_path(url.substr(end)) == normal_path(path);
}

Result<void> DpopVerifier::verify(std::string_view proof, const RequestTarget& target,
                                  std::string_view access_token, std::string_view thumbprint,
                                  store::Time now) {
  std::optional<Credential> shown;
  if (!access_token.empty()) shown = Credential{access_token, "access token"};
  CARDEA_TRY(const auto claims, claims_of(proof, target, shown, thumbprint, now));
  // Last, so that a refused proof costs no memory.
  return seen_.use(thumbprint, api::text_member(claims, "jti"), *time_member(claims, "iat") + kWindow, now);
}

Result<void> check_enrolment_proof(std::string_view proof, const RequestTarget& target, std::string_view code,
                                   std::string_view thumbprint, store::Time now) {
  CARDEA_CHECK(claims_of(proof, target, Credential{code, "enrolment code"}, thumbprint, now));
  return {};
}

}  // namespace cardea::identity

#include "cardea/identity/token_issuer.h"

#include <sodium.h>

#include <array>
#include <utility>

#include "claims.h"
#include "key_file.h"

namespace cardea::identity {
namespace {

constexpr const char* kType = "at+jwt";  // RFC 9068, section 2.1

std::string audience_of(const std::string& issuer) {
  return issuer + ":api";
}

const char* name_of(store::DeviceRole role) {
  return role == store::DeviceRole::registrar ? "registrar" : "user";
}

std::string random_id() {
  std::array<std::uint8_t, 16> id{};
  randombytes_buf(id.data(), id.size());
  return api::base64url(id);
}

}  // namespace

Result<TokenIssuer> TokenIssuer::open(const std::filesystem::path& directory) {
  CARDEA_TRY(const auto seed, load_or_make_seed(directory / "token-key"));
  CARDEA_TRY(auto key, api::signing_key_from_seed(seed));
  return TokenIssuer{std::move(key)};
}

TokenIssuer::TokenIssuer(api::SigningKey key)
    : key_{std::move(key)}, issuer_{"urn:cardea:server:" + api::thumbprint(key_.public_key)} {}

AccessToken TokenIssuer::issue(const Principal& who, store::Time now) const {
  const nlohmann::json header{{"typ", kType}, {"kid", api::thumbprint(key_.public_key)}};
  const nlohmann::json claims{{"iss", issuer_},          {"aud", audience_of(issuer_)},
                              {"sub", who.device},       {"client_id", who.device},
                              {"iat", seconds_of(now)},  {"exp", seconds_of(now + kLifetime)},
                              {"jti", random_id()},      {"cnf", {{"jkt", who.device}}},
                              {"org", who.organisation}, {"role", name_of(who.role)}};
  return {api::sign_jws(header, claims, key_), kLifetime};
}

Result<TokenClaims> TokenIssuer::verify(std::string_view token, store::Time now) const {
  CARDEA_TRY(const auto jws, api::verify_jws(token, key_.public_key));
  CARDEA_TRY(const auto header, read_object(jws.header_json));
  CARDEA_TRY(const auto claims, read_object(jws.payload_json));
  if (api::text_member(header, "typ") != kType) return denied("this is not an access token");
  if (api::text_member(claims, "iss") != issuer_) return denied("the access token is of another issuer");
  if (api::text_member(claims, "aud") != audience_of(issuer_))
    return denied("the access token is for another server");
  const auto issued = time_member(claims, "iat");
  const auto expires = time_member(claims, "exp");
  if (!issued || !expires || *issued > now + kSkew) return denied("the access token is not valid yet");
  if (*expires + kSkew <= now) return denied("the access token has expired");

  TokenClaims result{api::text_member(claims, "sub"), {}, api::text_member(claims, "org")};
  if (const auto cnf = claims.find("cnf"); cnf != claims.end())
    result.thumbprint = api::text_member(*cnf, "jkt");
  if (result.device.empty() || result.thumbprint.empty())
    return denied("the access token belongs to no device");
  return result;
}

}  // namespace cardea::identity

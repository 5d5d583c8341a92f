#include "cardea/api/jose.h"

#include <sodium.h>

#include <array>
#include <nlohmann/json.hpp>

#include "cardea/api/json.h"
#include "compact.h"

namespace cardea::api {
namespace {

constexpr std::chrono::seconds kAssertionLifetime{60};

std::string dump(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string text_of(const Bytes& octets) {
  return {octets.begin(), octets.end()};
}

Result<void> acceptable(const std::string& header) {
  const auto document = parse_json(header);
  if (!document || !document->is_object()) {
    return fail(Errc::denied, "the token's header is not a JSON object without duplicates");
  }
  if (text_member(*document, "alg") != "EdDSA") return fail(Errc::denied, "the token's \"alg\" is not EdDSA");
  // Each of these lets the sender choose where the key comes from, or what we must understand.
  for (const char* member : {"jku", "x5u", "x5c", "crit"}) {
    if (document->contains(member)) {
      return fail(Errc::denied, std::string{"the token's header has \""} + member + '"');
    }
  }
  return {};
}

std::string random_id() {
  std::array<std::uint8_t, 16> id{};
  randombytes_buf(id.data(), id.size());
  return base64url(id);
}

}  // namespace

Result<CompactParts> split_compact(std::string_view compact) {
  if (compact.size() > kMaxJws) return fail(Errc::denied, "the token is longer than 8 KiB");
  const auto first = compact.find('.');
  const auto second = compact.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) {
    return fail(Errc::denied, "the token has not three parts");
  }
  const auto header = from_base64url(compact.substr(0, first));
  const auto payload = from_base64url(compact.substr(first + 1, second - first - 1));
  auto signature = from_base64url(compact.substr(second + 1));
  if (!header || !payload || !signature) return fail(Errc::denied, "the token is not base64url");
  CompactParts parts{compact.substr(0, second), text_of(*header), text_of(*payload), std::move(*signature)};
  CARDEA_CHECK(acceptable(parts.header));
  return parts;
}

Result<Jws> verify_compact(std::string_view compact, const VerifyKey& key) {
  CARDEA_TRY(auto parts, split_compact(compact));
  const bool good = parts.signature.size() == crypto_sign_BYTES &&
                    crypto_sign_verify_detached(parts.signature.data(), as_bytes(parts.signed_text).data(),
                                                parts.signed_text.size(), key.data()) == 0;
  if (!good) return fail(Errc::denied, "the token's signature is wrong");
  return Jws{std::move(parts.header), std::move(parts.payload)};
}

Result<Jws> verify_jws(std::string_view compact, const VerifyKey& key) {
  CARDEA_TRY(auto jws, verify_compact(compact, key));
  const auto payload = parse_json(jws.payload_json);
  if (!payload || !payload->is_object()) {
    return fail(Errc::denied, "the token's payload is not a JSON object without duplicates");
  }
  return jws;
}

Result<std::string> peek_jws_header(std::string_view compact) {
  CARDEA_TRY(auto parts, split_compact(compact));
  return std::move(parts.header);
}

std::string sign_jws(const nlohmann::json& header, const nlohmann::json& payload, const SigningKey& key) {
  nlohmann::json full = header;
  full["alg"] = "EdDSA";
  auto compact = base64url(as_bytes(dump(full))) + '.' + base64url(as_bytes(dump(payload)));
  std::array<std::uint8_t, crypto_sign_BYTES> signature{};
  crypto_sign_detached(signature.data(), nullptr, as_bytes(compact).data(), compact.size(),
                       key.private_key.expose().data());
  return compact + '.' + base64url(signature);
}

std::string make_dpop_proof(const SigningKey& key, std::string_view method, std::string_view url,
                            std::string_view access_token, std::chrono::seconds now) {
  nlohmann::json payload{{"jti", random_id()},
                         {"htm", method},
                         {"htu", url.substr(0, url.find_first_of("?#"))},
                         {"iat", now.count()}};
  if (!access_token.empty()) {
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), as_bytes(access_token).data(), access_token.size());
    payload["ath"] = base64url(hash);
  }
  return sign_jws({{"typ", "dpop+jwt"}, {"jwk", to_jwk(key.public_key)}}, payload, key);
}

std::string make_client_assertion(const SigningKey& key, std::string_view audience,
                                  std::chrono::seconds now) {
  const auto name = thumbprint(key.public_key);
  return sign_jws({{"typ", "JWT"}, {"kid", name}},
                  {{"iss", name},
                   {"sub", name},
                   {"aud", audience},
                   {"jti", random_id()},
                   {"iat", now.count()},
                   {"exp", (now + kAssertionLifetime).count()}},
                  key);
}

}  // namespace cardea::api

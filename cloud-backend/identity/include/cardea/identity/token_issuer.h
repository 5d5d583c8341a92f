#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "cardea/api/jose.h"
#include "cardea/identity/principal.h"
#include "cardea/result.h"

namespace cardea::identity {

struct AccessToken {
  std::string token;
  std::chrono::seconds expires_in;
};

/// The holder of a valid access token.
struct TokenClaims {
  std::string device;        ///< "sub"
  std::string thumbprint;    ///< "cnf"."jkt": who may use it
  std::string organisation;  ///< "org"
};

/// Makes and checks the server's own access tokens: RFC 9068, bound to the device's key (RFC 9449, section
/// 6). Thread-safe. Issuer and audience contain the thumbprint of the token key, so that no other server's
/// token passes here.
class TokenIssuer {
 public:
  static constexpr std::chrono::seconds kLifetime{600};
  static constexpr std::chrono::seconds kSkew{60};

  /// Reads the key from `directory`/token-key, or makes it at the first start (mode 0600). Errors: `corrupt`
  /// (not a key, or others may read it), `unavailable` (cannot be read or written).
  static Result<TokenIssuer> open(const std::filesystem::path& directory);
  explicit TokenIssuer(api::SigningKey key);

  [[nodiscard]] AccessToken issue(const Principal& who, store::Time now) const;

  /// Errors: `denied`, for anything that is not a valid access token of this issuer, now.
  Result<TokenClaims> verify(std::string_view token, store::Time now) const;

 private:
  api::SigningKey key_;
  std::string issuer_;
};

}  // namespace cardea::identity

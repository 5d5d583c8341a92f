#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cardea/card/ports/clock.h"
#include "cardea/identity/device_directory.h"
#include "cardea/identity/dpop.h"
#include "cardea/identity/principal.h"
#include "cardea/identity/replay_cache.h"
#include "cardea/identity/token_issuer.h"
#include "cardea/result.h"

namespace cardea::identity {

/// The form of `POST /v1/token` (RFC 6749, 4.4; RFC 7523, 2.2), decoded, and the request it came with.
struct TokenRequest {
  std::string_view grant_type;
  std::string_view client_assertion_type;
  std::string_view client_assertion;
  std::string_view dpop;  ///< header
  RequestTarget target;
};

/// What a request shows to prove whose it is.
struct Credentials {
  std::string_view authorization;  ///< "DPoP <access token>"
  std::string_view dpop;           ///< the proof
};

/// The server's doorman: who may have a token, and whose request this is. Thread-safe.
///
/// `denied` from either call is a 401: nobody has been recognised.
class Authenticator {
 public:
  /// All three outlive this.
  Authenticator(const TokenIssuer& issuer, DeviceDirectory& devices, const card::Clock& clock)
      : issuer_{issuer}, devices_{devices}, clock_{clock} {}
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  ~Authenticator() = default;

  /// An access token for a device that proves its key twice: by the assertion and by the DPoP proof, which
  /// must be of the same key. Errors: `denied`, `invalid` (another grant or assertion type), `exhausted`.
  Result<AccessToken> grant(const TokenRequest& request);

  /// Whose request this is. Errors: `denied`, `exhausted`, those of the database.
  Result<Principal> authenticate(const RequestTarget& target, const Credentials& credentials);
  Result<Principal> authenticate(std::string_view method, std::string_view path, std::string_view host,
                                 std::string_view authorization, std::string_view dpop) {
    return authenticate(RequestTarget{method, path, host}, Credentials{authorization, dpop});
  }

 private:
  Result<store::Device> asserting_device(const TokenRequest& request, store::Time now);

  const TokenIssuer& issuer_;
  DeviceDirectory& devices_;
  const card::Clock& clock_;
  DpopVerifier proofs_;
  // One token request needs one assertion, and a token lasts ten minutes.
  ReplayCache assertions_{200'000, 500};
};

}  // namespace cardea::identity

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cardea/api/jose.h"
#include "cardea/identity/replay_cache.h"
#include "cardea/result.h"

namespace cardea::identity {

/// What a DPoP proof must be about.
struct RequestTarget {
  std::string_view method;
  std::string_view path;  ///< origin form, with or without a query
  std::string_view host;  ///< the Host header: "127.0.0.1:8443"
};

/// Checks DPoP proofs (RFC 9449, section 4.3). Thread-safe.
///
/// The server may be reached under many names and through a balancer, so "htu" is compared with the Host that
/// the request itself carried; scheme https, host in any case, default port and query left out.
class DpopVerifier {
 public:
  static constexpr std::chrono::seconds kWindow{60};  ///< how old a proof may be, and how far ahead

  /// That the proof was made for this request with the key of `thumbprint`. `access_token` is empty at the
  /// token endpoint, where "ath" is not looked at. Errors: `denied` with a sentence that says what is wrong;
  /// `exhausted` when too many proofs are remembered. A proof with any other key is never remembered: keys
  /// cost nothing, and each would count as another device.
  Result<void> verify(std::string_view proof, const RequestTarget& target, std::string_view access_token,
                      std::string_view thumbprint, store::Time now);

 private:
  // Within two minutes. Exchanges show no proof, so a device needs a few for each card it opens.
  ReplayCache seen_{200'000, 2'000};
};

/// The same for a request that a one-time code allows: "ath" is about the code, as it stands in the request,
/// so that the proof is of no use with another one. Nothing is remembered: the code is good for once, and
/// whoever has none must not be able to fill memory. Errors: `denied` with a sentence.
Result<void> check_enrolment_proof(std::string_view proof, const RequestTarget& target, std::string_view code,
                                   std::string_view thumbprint, store::Time now);

/// Whether `url` is https, and names `host` and `path` (RFC 9449, section 4.3, "htu"; RFC 3986, section 6.2).
[[nodiscard]] bool same_target(std::string_view url, std::string_view host, std::string_view path);

}  // namespace cardea::identity

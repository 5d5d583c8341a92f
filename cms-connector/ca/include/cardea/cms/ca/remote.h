#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cardea/cms/ca/authority.h"

namespace cardea::cms::ca {

/// Where an authority on the network is, and how the two know each other. Texts that are empty are not used.
struct RemoteSettings {
  std::string url;                     ///< EST: https://host[:port][/path]; CMP: http(s)://host[:port]/path
  std::string certificate;             ///< file: the registration authority's certificate (PEM)
  std::string key;                     ///< file: its key (PEM)
  std::string key_passphrase;          ///< file: the passphrase of that key, in its first line
  std::string basic;                   ///< EST, file: `user:password` in its first line (RFC 7617)
  std::string reference;               ///< CMP: the reference value that goes with the secret
  std::string secret;                  ///< CMP, file: the shared secret in its first line
  std::string trust;                   ///< file: certificates (PEM) that the server's certificate leads to
  std::string server_certificate;      ///< CMP, file: the certificate that signs the server's messages
  std::chrono::seconds deadline{120};  ///< for one certificate, with everything that the server asks to wait
  std::function<bool()> interrupted;   ///< asked while waiting
};

/// Enrolment over Secure Transport (RFC 7030, with the encodings of RFC 8951): /simpleenroll, or
/// /simplereenroll where the order renews a certificate. A server that answers 202 is asked again when it
/// says so. The certificate has to be by one of the authorities that /cacerts names. EST cannot revoke.
///
/// Errors of making it: `invalid` (no https URL, files that do not go together), `not_found`, `unavailable`.
Result<std::unique_ptr<Authority>> make_est_authority(const RemoteSettings& settings);

/// The authorities that an EST server names (RFC 7030, 4.1), DER.
Result<std::vector<Bytes>> est_ca_certificates(const RemoteSettings& settings);

/// Certificate Management Protocol (RFC 4210, RFC 9483) by `openssl cmp`: p10cr for certificates, rr to
/// revoke. Errors of making it: `invalid` (URL, neither secret nor certificate, nothing to trust),
/// `not_found`.
Result<std::unique_ptr<Authority>> make_cmp_authority(const RemoteSettings& settings);

}  // namespace cardea::cms::ca

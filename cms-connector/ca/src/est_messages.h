#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

/// What EST puts into HTTP bodies and headers.
namespace cardea::cms::ca {

/// Base64 in lines of 64 characters.
std::string to_base64(BytesView octets);
/// White space anywhere is skipped (RFC 8951, 3.1). Errors: `corrupt`.
Result<Bytes> from_base64(std::string_view text);

/// The certificates of a PKCS#7 certs-only message (RFC 7030, 4.1.3), DER. Errors: `corrupt`.
Result<std::vector<Bytes>> certs_only(BytesView der);

/// Retry-After (RFC 9110, 10.2.3): seconds, or a date; nothing for anything else. A date that is past is 0.
std::optional<std::chrono::seconds> retry_after(const std::string& value, std::time_t now);

/// "https://host[:port][/path]" taken apart; the path of EST is completed to /.well-known/est.
struct EstUrl {
  std::string host;
  int port = 443;
  std::string path;
  friend bool operator==(const EstUrl&, const EstUrl&) = default;
};
/// Errors: `invalid`.
Result<EstUrl> parse_est_url(const std::string& url);

}  // namespace cardea::cms::ca

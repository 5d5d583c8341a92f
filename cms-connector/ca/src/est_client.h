#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cardea/cms/ca/remote.h"
#include "est_messages.h"
#include "openssl.h"

namespace cardea::cms::ca {

/// What a server said.
struct HttpAnswer {
  int status = 0;
  std::string body, content_type, retry_after;
};

/// The registration authority's own certificate with its key.
struct ClientIdentity {
  Certificate certificate;
  Key key;
};

/// TLS 1.2 or newer to one EST server: its certificate has to lead to the trust anchors and name its host.
/// Each request has a connection of its own. Secrets are read from their files for each.
class EstClient {
 public:
  /// Errors: as for make_est_authority.
  static Result<EstClient> make(const RemoteSettings& settings);

  /// Errors: `unavailable` (no connection, no answer), `denied` (TLS: one side does not accept the other).
  [[nodiscard]] Result<HttpAnswer> get(const std::string& operation) const;
  [[nodiscard]] Result<HttpAnswer> post(const std::string& operation, const std::string& body) const;

  [[nodiscard]] const EstUrl& url() const { return url_; }

 private:
  EstClient(RemoteSettings settings, EstUrl url) : settings_{std::move(settings)}, url_{std::move(url)} {}
  template <class Ask>
  Result<HttpAnswer> with_connection(Ask ask) const;

  RemoteSettings settings_;
  EstUrl url_;
};

/// Certificate and key out of their files; nothing when none are named. Errors: `invalid` when they do not
/// belong together; those of files.
Result<std::optional<ClientIdentity>> read_identity(const RemoteSettings& settings);

}  // namespace cardea::cms::ca

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::api {

struct HttpRequest {
  std::string method;
  std::string path;  ///< origin form: /v1/…
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
  std::string body;
};

struct HttpReply {
  int status = 0;
  std::string content_type;
  std::string body;
  Bytes tls_exporter{};  ///< names the connection it came over (RFC 9266), 32 octets; empty without TLS 1.3
};

/// One HTTPS connection to one server, kept alive between requests. Not thread-safe.
///
/// Law: `send` never repeats a request whose octets may have reached the server; it says `unavailable` and
/// the caller decides (exchanges are numbered for this). A connection that was idle and found closed before
/// anything was sent is opened again without a word.
class HttpConnection {
 public:
  HttpConnection() = default;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  virtual ~HttpConnection() = default;

  /// Errors: `unavailable` (refused, timed out, broken off), `denied` (the server's certificate is not
  /// trusted, or ours not accepted), `corrupt` (the answer is not HTTP, or cut off), `exhausted` (too large),
  /// `invalid` (a request that HTTP cannot carry, a certificate file that cannot be read).
  virtual Result<HttpReply> send(const HttpRequest& request) = 0;
};

struct ServerAddress {
  std::string host;
  std::uint16_t port = 443;
  std::string ca_file;                        ///< PEM; the system's trust store when empty
  std::chrono::milliseconds timeout{30'000};  ///< for each request
  std::string client_certificate;             ///< PEM, for mutual TLS; none when empty
  std::string client_key{};                   ///< PEM, not encrypted; empty: in `client_certificate` too
};

/// Opens connections; several threads may ask at once.
class HttpConnector {
 public:
  HttpConnector() = default;
  HttpConnector(const HttpConnector&) = delete;
  HttpConnector& operator=(const HttpConnector&) = delete;
  virtual ~HttpConnector() = default;

  virtual std::unique_ptr<HttpConnection> connect(const ServerAddress& address) = 0;
};

/// Over OpenSSL, TLS 1.3 only, sessions resumed. Link with cardea::api_http_openssl.
std::unique_ptr<HttpConnector> make_openssl_connector();

/// Over WinHTTP, TLS 1.3 only, through the proxy that Windows is set up with. `tls_exporter` is always empty,
/// and a client's certificate is refused as `invalid`. Link with cardea::api_http_winhttp.
std::unique_ptr<HttpConnector> make_winhttp_connector();

/// The one of the system that this runs on. Link with cardea::api_http.
std::unique_ptr<HttpConnector> make_system_connector();

/// Whether that one can show a client's certificate.
bool system_shows_client_certificates();

}  // namespace cardea::api

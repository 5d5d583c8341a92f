#pragma once

#include <openssl/ssl.h>

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cardea::api::test {

/// PEM files of a test's own authorities, made anew in a directory of its own.
class Certificates {
 public:
  Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates();

  /// A file with a self-signed CA; its key stays beside it.
  std::string make_ca(const std::string& name);
  /// A file with a certificate by that CA, and its key. `san` is "IP:127.0.0.1" or "DNS:name".
  std::string make_leaf(const std::string& ca, const std::string& name, const std::string& san);

 private:
  std::filesystem::path directory_;
};

/// One accepted TLS connection, seen from the server.
class Peer {
 public:
  Peer(SSL* ssl, int fd) : ssl_{ssl}, fd_{fd} {}

  /// The next request, head and body; empty when the client has gone.
  std::string read_request();
  void send(const std::string& octets);
  /// Sends one octet after the other until the client has had enough of it.
  void dribble();
  /// Waits until the client closes.
  void wait_for_end();
  /// Ends without close_notify.
  void cut() { cut_ = true; }
  [[nodiscard]] bool was_cut() const { return cut_; }
  [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_) == 1; }

 private:
  SSL* ssl_;
  int fd_;
  bool cut_ = false;
};

struct TlsServerOptions {
  std::string certificate;
  std::string client_ca;  // asks for a client's certificate when not empty
  int highest_version = TLS1_3_VERSION;
};

/// A TLS server on a free port of 127.0.0.1 that talks to one client after the other as `script` says.
class TlsServer {
 public:
  using Script = std::function<void(Peer&, int number)>;

  TlsServer(const TlsServerOptions& options, Script script);
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Blocks until so many connections have been served and closed.
  void wait_until_closed(int connections);

 private:
  void serve();

  SSL_CTX* context_;
  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int closed_ = 0;
  std::thread thread_;
};

}  // namespace cardea::api::test

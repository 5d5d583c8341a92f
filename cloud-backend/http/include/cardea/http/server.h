#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "cardea/http/message.h"
#include "cardea/http/tls.h"
#include "cardea/result.h"

namespace cardea::http {

struct ServerOptions {
  // Either an address and a port with TLS, or a Unix socket.
  std::string address;     ///< numeric, or a name of this host
  std::uint16_t port = 0;  ///< 0: any free one
  std::shared_ptr<TlsContext> tls;
  std::filesystem::path unix_socket;  ///< mode 0600; only root and this process's own user are answered

  unsigned threads = 8;
  std::size_t max_connections = 10'000;
  std::size_t max_body = 1U << 20U;
  std::chrono::milliseconds handshake{10'000};  ///< for a TLS handshake
  std::chrono::milliseconds idle{60'000};       ///< between two requests of one connection
  std::chrono::milliseconds request{
      15'000};  ///< from a request's first octet to its last; as much again for the response
  std::chrono::milliseconds grace{10'000};  ///< for running requests when the server stops
};

struct ServerStats {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  ///< over the limit of connections, or not allowed on the Unix socket
  std::uint64_t open = 0;
  std::uint64_t handshake_failures = 0;
  std::uint64_t timeouts = 0;
};

/// An HTTP/1.1 server. All its threads wait on one epoll set and no connection owns a thread: ten thousand
/// idle agents cost ten thousand sockets, and a client that sends slowly, or not at all, holds none of the
/// threads. Every request and every response is one TLS record where it fits, and a response is one system
/// call.
class Server {
 public:
  /// Binds, listens, starts the threads. Errors: `conflict` (the port or socket is in use), `denied` (not
  /// allowed to bind), `invalid` (no such address), `unavailable`.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  virtual ~Server() = default;

  [[nodiscard]] virtual std::uint16_t port() const = 0;
  [[nodiscard]] virtual ServerStats stats() const = 0;

  /// The certificate of connections that are accepted from now on; those that are open keep theirs. For a
  /// server that was started with TLS.
  virtual void replace_tls(std::shared_ptr<TlsContext> tls) = 0;

  /// Accepts no more, lets running requests finish within the grace period, closes. Idempotent; the
  /// destructor does it too.
  virtual void stop() = 0;

 protected:
  Server() = default;
};

}  // namespace cardea::http

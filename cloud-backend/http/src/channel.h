#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cardea::http {

/// What came of an attempt on a non-blocking channel.
enum class Io : std::uint8_t { done, want_read, want_write, closed };

struct IoResult {
  Io io = Io::closed;
  std::size_t octets = 0;  ///< moved, when `done`
};

/// A non-blocking socket, with TLS on it or without. Owns the descriptor.
class Channel {
 public:
  Channel(int fd, SSL_CTX* tls);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  [[nodiscard]] int fd() const { return fd_; }

  /// Done at once without TLS.
  IoResult handshake();
  IoResult read(char* out, std::size_t room);
  IoResult write(std::string_view octets);
  /// Octets that were taken from the socket and not yet handed out: epoll will not report them.
  [[nodiscard]] bool has_pending() const;
  /// Names this TLS connection and no other at both of its ends (RFC 9266, tls-exporter); zeroes without TLS,
  /// and before the handshake.
  [[nodiscard]] std::array<std::uint8_t, 32> exporter() const;
  /// Says goodbye as TLS wants it; the socket is closed by the destructor.
  void close_notify();
  /// No octet follows; what the peer still sends can be read.
  void end_of_sending() const;
  /// Reads from the socket, below TLS, and forgets.
  [[nodiscard]] IoResult discard() const;

 private:
  IoResult tls_result(int result);

  int fd_;
  SSL* ssl_ = nullptr;
  bool healthy_ = true;
};

}  // namespace cardea::http

#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "cardea/result.h"

namespace cardea::api {

using Deadline = std::chrono::steady_clock::time_point;

/// A blocking TCP connection whose every wait ends at a deadline.
///
/// The kernel keeps the time (SO_RCVTIMEO, SO_SNDTIMEO), so that the usual request, one send and one receive,
/// is two system calls and no poll. The limit is set anew only when a request needs a second one of either.
class TcpSocket {
 public:
  /// Tries the addresses of `host` in turn. Name resolution has time limits of its own (resolv.conf). Errors:
  /// `unavailable`.
  static Result<TcpSocket> connect(const std::string& host, std::uint16_t port,
                                   std::chrono::milliseconds timeout);

  explicit TcpSocket(int fd) : fd_{fd} {}
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;
  TcpSocket(TcpSocket&& other) noexcept;
  TcpSocket& operator=(TcpSocket&& other) noexcept;
  ~TcpSocket();

  /// The next operations have this much time altogether.
  void begin(std::chrono::milliseconds timeout);

  /// Octets read; 0 at the end; -1 when broken or out of time.
  int receive(std::span<char> into);
  /// Octets sent, or -1.
  int send(std::span<const char> octets);
  /// Waits for nothing while set: `receive` answers -1 and `would_block`.
  void set_patient(bool patient) { patient_ = patient; }

  [[nodiscard]] bool would_block() const { return would_block_; }
  [[nodiscard]] bool out_of_time() const { return out_of_time_; }
  /// Whether something, the end included, is waiting to be received.
  [[nodiscard]] bool has_news() const;

 private:
  bool limit(int option);

  int fd_ = -1;
  Deadline deadline_;
  std::chrono::milliseconds timeout_{};
  std::chrono::milliseconds kernel_limit_{};  // what the socket's options say
  bool first_send_ = true;
  bool first_receive_ = true;
  bool patient_ = true;
  bool would_block_ = false;
  bool out_of_time_ = false;
};

}  // namespace cardea::api

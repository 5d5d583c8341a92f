#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cardea/http/message.h"
#include "channel.h"
#include "head.h"

namespace cardea::http {

/// What the connections of one server share.
struct ConnectionRules {
  std::size_t max_body = 1U << 20U;
  std::chrono::milliseconds handshake{};
  std::chrono::milliseconds idle{};
  std::chrono::milliseconds request{};
};

/// One connection as a state machine: handshake → read → (handler) → write → read … It runs on whichever
/// thread the event came to, and on one at a time; between events it holds no thread.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Wants : std::uint8_t { read, write, close };

  Connection(int fd, SSL_CTX* tls, const ConnectionRules& rules, const Handler& handler,
             const std::atomic<bool>& stopping);

  /// Does all that can be done without waiting; says what to wait for.
  Wants advance();

  [[nodiscard]] int fd() const { return channel_.fd(); }
  /// When to give up waiting. Read by the thread that watches the time, hence atomic.
  [[nodiscard]] Clock::time_point deadline() const {
    return Clock::time_point{Clock::duration{deadline_.load()}};
  }
  /// Waiting, with nothing of a request here.
  [[nodiscard]] bool idle() const { return idle_.load(); }
  [[nodiscard]] bool shook_hands() const { return state_ != State::handshake; }

 private:
  // drain: a refused request may still be on its way; closing with octets unread would reset the connection
  // and take the refusal with it (RFC 9112, 9.6).
  enum class State : std::uint8_t { handshake, read, write, drain };

  void wait_at_most(std::chrono::milliseconds time) {
    deadline_ = (Clock::now() + time).time_since_epoch().count();
  }
  void wait_for_ever() { deadline_ = Clock::time_point::max().time_since_epoch().count(); }
  Wants run();
  bool take_request();
  void answer(const Response& response, bool head_only);
  void refuse(const Refusal& refusal);
  Io fill();
  void consume(std::size_t octets);

  Channel channel_;
  std::array<std::uint8_t, 32> exporter_{};
  const ConnectionRules& rules_;
  const Handler& handler_;
  const std::atomic<bool>& stopping_;

  State state_ = State::handshake;
  std::vector<char> in_;  ///< capacity; the first `filled_` octets are there
  std::size_t filled_ = 0;
  std::size_t scanned_ = 0;
  Request request_;
  Head head_;
  bool have_head_ = false;
  std::string out_;
  std::size_t written_ = 0;
  bool close_after_ = false;
  bool refused_ = false;
  std::size_t drained_ = 0;
  // Epoll hands a connection from thread to thread. The kernel orders that, but neither the language nor
  // ThreadSanitizer knows: this does.
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<Clock::rep> deadline_{0};
  std::atomic<bool> idle_{true};
};

}  // namespace cardea::http

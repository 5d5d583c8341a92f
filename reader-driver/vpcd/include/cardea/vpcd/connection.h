#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "cardea/result.h"
#include "cardea/vpcd/endpoint.h"
#include "cardea/vpcd/message.h"

namespace cardea::vpcd {

/// A card's connection to one slot. While it stands the card is in the slot, as soon as the reader has
/// looked. One thread receives and sends. Errors of all: `unavailable`, and the connection is of no further
/// use.
class Connection {
 public:
  /// A message that has begun is whole within this time, and an answer is taken within this time.
  static constexpr std::chrono::seconds kMessageLimit{5};

  /// How often this system's reader looks whether a card is there.
  static std::chrono::milliseconds reader_looks_each();

  /// Waits at most `limit` for each address of the host.
  static Result<std::unique_ptr<Connection>> open(const Endpoint& endpoint, std::chrono::milliseconds limit);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Nothing when no message has begun within `limit`.
  Result<std::optional<Message>> receive(std::chrono::milliseconds limit);

  /// The answer to a message; at most kMaxPayload octets.
  Result<void> send(BytesView payload) const;

  /// Takes the card out.
  void shut_down() const noexcept;

  /// Who is in `receive` hears nothing more: at once, on Windows when its limit has passed. What is being
  /// sent is not disturbed. Any thread.
  void stop_receiving() const noexcept;

 private:
  explicit Connection(std::uintptr_t socket) : socket_{socket} {}

  Result<std::optional<Message>> receive_some();

  const std::uintptr_t socket_;  // int or SOCKET
  Assembler assembler_;
};

}  // namespace cardea::vpcd

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "cardea/pcsc_link/frame.h"
#include "cardea/result.h"

namespace cardea::pcsc_link {

/// Octets to and from the other end, in order and complete: a Unix socket, a named pipe.
///
/// Laws. One thread sends and one receives at a time, and the two do not hinder each other: a `send` gets
/// through while another thread is in `receive`. When the other process ends, however it ends, `receive`
/// returns an error. Errors of all: `unavailable`.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// All of `head` and then all of `body`, in one write where that is possible.
  virtual Result<void> send(BytesView head, BytesView body) = 0;

  /// Waits for octets; how many arrived, at least one.
  virtual Result<std::size_t> receive(std::span<std::uint8_t> into) = 0;

  /// How long one `send` or `receive` may take from now on; 0: for ever.
  virtual Result<void> set_deadline(std::chrono::milliseconds limit) = 0;

  /// Ends the connection for both ends: wakes who is in `receive`, for ever. Any thread.
  virtual void shut_down() noexcept = 0;

  /// Lets go of this process's end, and of nothing else: for a child after fork(). Takes no lock.
  virtual void abandon() noexcept = 0;
};

/// Takes connections.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// Waits for the next connection of somebody who may have one; others are turned away. Errors:
  /// `unavailable` once `shut_down` was called.
  virtual Result<std::unique_ptr<Transport>> accept() = 0;

  /// Wakes who is in `accept`, for ever. Any thread.
  virtual void shut_down() noexcept = 0;
};

/// Frames over a transport. Any number of threads send, one at a time receives.
class Channel {
 public:
  explicit Channel(std::unique_ptr<Transport> transport) : transport_{std::move(transport)} {}

  Result<void> send(FrameType type, BytesView payload, std::uint32_t number);
  /// Errors: `unavailable`, and `invalid` for what is no frame.
  Result<Frame> receive();

  Transport& transport() { return *transport_; }

 private:
  std::unique_ptr<Transport> transport_;
  std::mutex sending_;
  Bytes buffer_;
};

}  // namespace cardea::pcsc_link

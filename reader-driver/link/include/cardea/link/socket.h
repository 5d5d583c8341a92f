#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "cardea/link/frame.h"
#include "cardea/result.h"

namespace cardea::link {

/// A file descriptor that is closed once.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  void close() noexcept;

  int fd_ = -1;
};

/// Listens on a Unix socket that those may connect to whom `mode` of its file lets write. A socket file that
/// nobody listens on is replaced. Errors: `conflict` when somebody does, `unavailable`.
Result<Descriptor> listen_on(const std::string& path, mode_t mode = 0600);

/// Errors: `unavailable` when nobody listens.
Result<Descriptor> connect_to(const std::string& path);

/// Who is at the other end: as the kernel noted at connect (SO_PEERCRED, SO_PEERGROUPS).
struct Peer {
  uid_t user = 0;
  std::vector<gid_t> groups;  ///< primary and supplementary
};
Result<Peer> peer_of(int fd);

/// Frames over one connected socket: one write a frame, reads through a buffer. One thread sends and receives
/// at a time. Errors of both: `unavailable` when the other end is gone or the deadline has passed, `invalid`
/// for what is no frame.
class Channel {
 public:
  explicit Channel(Descriptor socket) : socket_{std::move(socket)} {}

  /// How long one `receive` or `send` may take; no limit by default.
  Result<void> set_deadline(std::chrono::milliseconds limit);

  Result<void> send(FrameType type, BytesView payload = {}, std::uint32_t number = 0);
  Result<Frame> receive();

  /// Whether `receive` has something to do within this time: octets have arrived, or the other end is gone.
  [[nodiscard]] bool wait_readable(std::chrono::milliseconds limit) const;

  /// Wakes whoever is in `receive`, for ever.
  void shut_down() const noexcept;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  Descriptor socket_;
  Bytes buffer_;
  std::chrono::milliseconds limit_{0};
};

}  // namespace cardea::link

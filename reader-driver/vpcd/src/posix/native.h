#pragma once

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>

/// What sockets call by different names here and on Windows.
namespace cardea::vpcd::native {

using Socket = int;
using Length = std::size_t;
inline constexpr Socket kNone = -1;
inline constexpr int kTimedOut = ETIMEDOUT;
inline constexpr int kSendFlags = MSG_NOSIGNAL;
inline constexpr std::chrono::milliseconds kReaderLooksEach{400};  // pcscd, for drivers without events
inline constexpr int kReceiving = SHUT_RD;
inline constexpr int kBothWays = SHUT_RDWR;

inline void start() {}

inline void close(Socket socket) noexcept {
  ::close(socket);
}

inline bool do_not_block(Socket socket) {
  return ::fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(socket, F_SETFL, O_NONBLOCK) == 0;
}

inline int poll(pollfd* sockets, int milliseconds) {
  return ::poll(sockets, 1, milliseconds);
}

inline int last_error() {
  return errno;
}

/// Whether the call is worth repeating: nothing was there, or a signal came.
inline bool try_again(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

inline bool connecting(int error) {
  return error == EINPROGRESS;
}

/// The vpcd of Debian 12 sends length and payload in two segments, and the second waits until the first is
/// acknowledged: 40 ms a command, unless that is done at once. To be said again before each read.
inline void acknowledge_at_once(Socket socket) {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

}  // namespace cardea::vpcd::native

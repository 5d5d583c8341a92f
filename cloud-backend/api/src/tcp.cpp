#include "tcp.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace cardea::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds until(Deadline deadline) {
  return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
}

bool set_limit(int fd, int option, milliseconds limit) {
  // Zero would mean "for ever".
  const auto ms = std::max<std::int64_t>(1, limit.count());
  const timeval time{ms / 1000, (ms % 1000) * 1000};
  return ::setsockopt(fd, SOL_SOCKET, option, &time, sizeof time) == 0;
}

/// 0, or why not.
int connect_by(int fd, const addrinfo& address, Deadline deadline) {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{fd, POLLOUT, 0};
  while (true) {
    const auto left = until(deadline);
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready == 0) return ETIMEDOUT;
    if (ready > 0) break;
    if (errno != EINTR) return errno;
  }
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool make_blocking(int fd) {
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

}  // namespace

Result<TcpSocket> TcpSocket::connect(const std::string& host, std::uint16_t port, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
    return fail(Errc::unavailable, "cannot find " + host + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses{found, &::freeaddrinfo};

  int why = EADDRNOTAVAIL;
  for (const auto* address = found; address != nullptr; address = address->ai_next) {
    TcpSocket socket{::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.fd_ < 0) {
      why = errno;
      continue;
    }
    why = connect_by(socket.fd_, *address, deadline);
    if (why == 0 && make_blocking(socket.fd_)) return socket;
  }
  return fail(Errc::unavailable, "cannot reach " + host + " port " + std::to_string(port) + ": " +
                                     std::generic_category().message(why));
}

TcpSocket::TcpSocket(TcpSocket&& other) noexcept {
  *this = std::move(other);
}

TcpSocket& TcpSocket::operator=(TcpSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  deadline_ = other.deadline_;
  timeout_ = other.timeout_;
  kernel_limit_ = other.kernel_limit_;
  return *this;
}

TcpSocket::~TcpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

void TcpSocket::begin(milliseconds timeout) {
  timeout_ = timeout;
  deadline_ = steady_clock::now() + timeout;
  first_send_ = true;
  first_receive_ = true;
  out_of_time_ = false;
  if (kernel_limit_ == timeout) return;
  if (set_limit(fd_, SO_RCVTIMEO, timeout) && set_limit(fd_, SO_SNDTIMEO, timeout)) kernel_limit_ = timeout;
}

/// Makes the kernel's limit what is left; false when nothing is.
bool TcpSocket::limit(int option) {
  const auto left = until(deadline_);
  out_of_time_ = left == milliseconds{0};
  if (out_of_time_) return false;
  kernel_limit_ = milliseconds{0};  // no longer the full one
  return set_limit(fd_, option, left);
}

int TcpSocket::receive(std::span<char> into) {
  would_block_ = false;
  if (patient_ && !std::exchange(first_receive_, false) && !limit(SO_RCVTIMEO)) return -1;
  while (true) {
    const auto n = ::recv(fd_, into.data(), into.size(), patient_ ? 0 : MSG_DONTWAIT);
    if (n >= 0) return static_cast<int>(n);
    if (errno == EINTR && limit(SO_RCVTIMEO)) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) (patient_ ? out_of_time_ : would_block_) = true;
    return -1;
  }
}

int TcpSocket::send(std::span<const char> octets) {
  would_block_ = false;
  if (!std::exchange(first_send_, false) && !limit(SO_SNDTIMEO)) return -1;
  while (true) {
    const auto n = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n >= 0) return static_cast<int>(n);
    if (errno == EINTR && limit(SO_SNDTIMEO)) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) out_of_time_ = true;
    return -1;
  }
}

bool TcpSocket::has_news() const {
  char octet = 0;
  const auto n = ::recv(fd_, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace cardea::api

#include "cardea/link/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "cardea/secret.h"

namespace cardea::link {

namespace {

constexpr int kBacklog = 16;

std::string reason() {
  return std::generic_category().message(errno);
}

/// The address of a path, or `invalid` when it does not fit.
Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Errc::invalid, path + ": a socket path has 1 to 107 characters");
  }
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): the sockets interface
}

Result<Descriptor> new_socket() {
  Descriptor out{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!out) return fail(Errc::unavailable, "socket: " + reason());
  return out;
}

}  // namespace

void Descriptor::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Descriptor> listen_on(const std::string& path, mode_t mode) {
  CARDEA_TRY(const auto address, address_of(path));
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    return fail(Errc::conflict, path + ": exists and is no socket");
  }
  if (auto other = connect_to(path)) return fail(Errc::conflict, path + ": somebody listens there already");
  ::unlink(path.c_str());
  CARDEA_TRY(auto out, new_socket());
  if (::bind(out.get(), generic(address), sizeof address) != 0) {
    return fail(Errc::unavailable, path + ": " + reason());
  }
  // In this order: before it listens, nobody gets in, whatever the umask.
  if (::chmod(path.c_str(), mode) != 0 || ::listen(out.get(), kBacklog) != 0) {
    return fail(Errc::unavailable, path + ": " + reason());
  }
  return out;
}

Result<Descriptor> connect_to(const std::string& path) {
  CARDEA_TRY(const auto address, address_of(path));
  CARDEA_TRY(auto out, new_socket());
  if (::connect(out.get(), generic(address), sizeof address) != 0) {
    return fail(Errc::unavailable, path + ": " + reason());
  }
  return out;
}

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail(Errc::unavailable, "peer credentials: " + reason());
  }
  // The kernel says how many there are when there is no room for them.
  std::vector<gid_t> groups(16);
  while (true) {
    size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int got = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    const bool all = got == 0;
    if (!all && errno != ERANGE) return fail(Errc::unavailable, "peer groups: " + reason());
    groups.resize(size / sizeof(gid_t));
    if (all) break;
  }
  groups.push_back(credentials.gid);
  return Peer{credentials.uid, std::move(groups)};
}

Result<void> Channel::set_deadline(std::chrono::milliseconds limit) {
  limit_ = limit;
  timeval value{};
  value.tv_sec = static_cast<time_t>(limit.count() / 1000);
  value.tv_usec = static_cast<suseconds_t>((limit.count() % 1000) * 1000);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(fd(), SOL_SOCKET, option, &value, sizeof value) != 0) {
      return fail(Errc::unavailable, "deadline: " + reason());
    }
  }
  return {};
}

Result<void> Channel::send(FrameType type, BytesView payload, std::uint32_t number) {
  auto head = encode_head(type, payload.size(), number);
  // NOLINTNEXTLINE(*-const-cast): iovec serves both directions
  std::array<iovec, 2> parts{
      {{head.data(), head.size()}, {const_cast<std::uint8_t*>(payload.data()), payload.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (std::size_t left = head.size() + payload.size(); left > 0;) {
    const auto sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return fail(Errc::unavailable, "sending to the other end: " + reason());
    left -= static_cast<std::size_t>(sent);
    // More than the socket's buffer holds: go on where the kernel stopped.
    auto done = static_cast<std::size_t>(sent);
    for (auto& part : parts) {
      const auto step = std::min(done, part.iov_len);
      part.iov_base = static_cast<std::uint8_t*>(part.iov_base) + step;
      part.iov_len -= step;
      done -= step;
    }
  }
  return {};
}

Result<Frame> Channel::receive() {
  const auto end = std::chrono::steady_clock::now() + limit_;
  std::array<std::uint8_t, 16384>
      piece;  // NOLINT(*-member-init): filled by recv; zeroing it would cost on each APDU
  while (true) {
    CARDEA_TRY(auto frame, take_frame(buffer_));
    if (frame) return *std::move(frame);
    // Who trickles octets does not stretch the deadline.
    if (limit_.count() > 0 && std::chrono::steady_clock::now() >= end) {
      return fail(Errc::unavailable, "no answer within the deadline");
    }
    const auto got = ::recv(fd(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return fail(Errc::unavailable, "the other end has closed the connection");
    if (got < 0) {
      const bool late = errno == EAGAIN || errno == EWOULDBLOCK;
      return fail(Errc::unavailable, late ? "no answer within the deadline" : "receiving: " + reason());
    }
    const auto arrived = std::span{piece}.first(static_cast<std::size_t>(got));
    append(buffer_, arrived);
    wipe(arrived);
  }
}

bool Channel::wait_readable(std::chrono::milliseconds limit) const {
  if (!buffer_.empty()) return true;
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left =
        std::max(std::chrono::milliseconds{0},
                 std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()));
    pollfd waiting{fd(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    return ready != 0;
  }
}

void Channel::shut_down() const noexcept {
  ::shutdown(fd(), SHUT_RDWR);
}

}  // namespace cardea::link

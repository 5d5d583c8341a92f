#include "cardea/pcsc_link/unix_transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cardea/link/socket.h"

namespace cardea::pcsc_link {

namespace {

constexpr int kBreath = 100;  // milliseconds
constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kOwnersDirectory = 0700;

std::string reason() {
  return std::generic_category().message(errno);
}

class UnixTransport final : public Transport {
 public:
  explicit UnixTransport(link::Descriptor socket) : socket_{std::move(socket)} {}

  Result<void> send(BytesView head, BytesView body) override;
  Result<std::size_t> receive(std::span<std::uint8_t> into) override;
  Result<void> set_deadline(std::chrono::milliseconds limit) override;
  void shut_down() noexcept override { ::shutdown(socket_.get(), SHUT_RDWR); }
  void abandon() noexcept override;

 private:
  link::Descriptor socket_;
};

Result<void> UnixTransport::send(BytesView head, BytesView body) {
  const auto part = [](BytesView octets) {
    // NOLINTNEXTLINE(*-const-cast): iovec serves both directions
    return iovec{const_cast<std::uint8_t*>(octets.data()), octets.size()};
  };
  std::array<iovec, 2> parts{part(head), part(body)};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (std::size_t left = head.size() + body.size(); left > 0;) {
    const auto sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return fail(Errc::unavailable, "sending to the other end: " + reason());
    left -= static_cast<std::size_t>(sent);
    // More than the socket's buffer holds: go on where the kernel stopped.
    auto done = static_cast<std::size_t>(sent);
    for (auto& each : parts) {
      const auto step = std::min(done, each.iov_len);
      each.iov_base = static_cast<std::uint8_t*>(each.iov_base) + step;
      each.iov_len -= step;
      done -= step;
    }
  }
  return {};
}

Result<std::size_t> UnixTransport::receive(std::span<std::uint8_t> into) {
  while (true) {
    const auto got = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return fail(Errc::unavailable, "the other end has closed the connection");
    if (got < 0) return fail(Errc::unavailable, "receiving: " + reason());
    return static_cast<std::size_t>(got);
  }
}

Result<void> UnixTransport::set_deadline(std::chrono::milliseconds limit) {
  timeval value{};
  value.tv_sec = static_cast<time_t>(limit.count() / 1000);
  value.tv_usec = static_cast<suseconds_t>((limit.count() % 1000) * 1000);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(socket_.get(), SOL_SOCKET, option, &value, sizeof value) != 0) {
      return fail(Errc::unavailable, "deadline: " + reason());
    }
  }
  return {};
}

/// The descriptor's number may be somebody else's by the time the destructor closes it: what is closed here
/// is the socket behind it, by putting a harmless one in its place.
void UnixTransport::abandon() noexcept {
  const link::Descriptor nothing{::eventfd(0, EFD_CLOEXEC)};
  if (nothing) ::dup3(nothing.get(), socket_.get(), O_CLOEXEC);
}

/// Only programs of the same user, and of root, are heard or spoken to.
bool trusted(int fd) {
  const auto peer = link::peer_of(fd);
  return peer && (peer->user == 0 || peer->user == ::geteuid());
}

class UnixListener final : public Listener {
 public:
  UnixListener(std::string path, link::Descriptor socket, link::Descriptor wake)
      : path_{std::move(path)}, socket_{std::move(socket)}, wake_{std::move(wake)} {}
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener() override { ::unlink(path_.c_str()); }

  Result<std::unique_ptr<Transport>> accept() override;
  void shut_down() noexcept override { (void)::eventfd_write(wake_.get(), 1); }

 private:
  const std::string path_;
  link::Descriptor socket_;
  link::Descriptor wake_;
};

Result<std::unique_ptr<Transport>> UnixListener::accept() {
  while (true) {
    std::array<pollfd, 2> watched{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[1].revents != 0) return fail(Errc::unavailable, "no more connections are taken");
    link::Descriptor peer{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    // Without a descriptor left, the connection stays where it is: a breath, or this would spin.
    if (!peer) ::poll(&watched[1], 1, kBreath);
    if (peer && trusted(peer.get())) return std::make_unique<UnixTransport>(std::move(peer));
  }
}

}  // namespace

std::string unix_socket_path() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): the caller sees to it
    return value == nullptr ? "" : value;
  };
  if (auto path = variable("CARDEA_PCSC_SOCKET"); !path.empty()) return path;
  if (const auto runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty())
    return runtime + "/cardea/pcsc.sock";
  if (const auto state = variable("XDG_STATE_HOME"); !state.empty()) return state + "/cardea/pcsc.sock";
  return variable("HOME") + "/.local/state/cardea/pcsc.sock";
}

Result<std::unique_ptr<Transport>> connect_unix(const std::string& path) {
  CARDEA_TRY(auto socket, link::connect_to(path));
  if (!trusted(socket.get())) return fail(Errc::denied, path + ": another user listens there");
  return std::make_unique<UnixTransport>(std::move(socket));
}

Result<std::unique_ptr<Listener>> listen_unix(const std::string& path) {
  std::error_code ignored;  // listening says what is wrong
  const auto folder = std::filesystem::path{path}.parent_path();
  if (std::filesystem::create_directories(folder, ignored)) ::chmod(folder.c_str(), kOwnersDirectory);
  CARDEA_TRY(auto socket, link::listen_on(path, kOwnerOnly));
  link::Descriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake) return fail(Errc::unavailable, "no descriptor for an event");
  return std::make_unique<UnixListener>(path, std::move(socket), std::move(wake));
}

}  // namespace cardea::pcsc_link

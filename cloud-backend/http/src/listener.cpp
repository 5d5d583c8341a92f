#include "listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace cardea::http {
namespace {

constexpr int kBacklog = 1024;

tl::unexpected<Error> failure(int error, const std::string& where) {
  const auto code = error == EADDRINUSE                 ? Errc::conflict
                    : error == EACCES || error == EPERM ? Errc::denied
                    : error == EADDRNOTAVAIL            ? Errc::invalid
                                                        : Errc::unavailable;
  return fail(code, where + ": " + std::error_code{error, std::generic_category()}.message());
}

Result<int> listening(int fd, const sockaddr* address, socklen_t size, const std::string& where) {
  if (::bind(fd, address, size) != 0 || ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    ::close(fd);
    return failure(error, where);
  }
  return fd;
}

}  // namespace

Result<int> listen_tcp(const std::string& address, std::uint16_t port) {
  const auto where = "cannot listen on " + address + " port " + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0) {
    return fail(Errc::invalid, where + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> first{found, &::freeaddrinfo};
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(errno, where);
  const int yes = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return listening(fd, found->ai_addr, found->ai_addrlen, where);
}

Result<int> listen_unix(const std::filesystem::path& path) {
  const auto where = "cannot listen on " + path.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto& name = path.native();
  if (name.size() >= sizeof address.sun_path)
    return fail(Errc::invalid, where + ": the path is too long for a socket");
  std::copy(name.begin(), name.end(), &address.sun_path[0]);
  const auto* generic =
      reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): the sockets API

  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return failure(errno, where);
  const bool taken = ::connect(probe, generic, sizeof address) == 0;
  ::close(probe);
  if (taken) return failure(EADDRINUSE, where);
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());

  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(errno, where);
  // Mode before name: the file never exists with more than 0600, whatever the umask.
  (void)::fchmod(fd, S_IRUSR | S_IWUSR);
  return listening(fd, generic, sizeof address, where);
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): the sockets API
  if (::getsockname(fd, generic, &size) != 0) return 0;
  const void* known = &address;
  if (address.ss_family == AF_INET) return ntohs(static_cast<const sockaddr_in*>(known)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(static_cast<const sockaddr_in6*>(known)->sin6_port);
  return 0;
}

bool peer_is_trusted(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace cardea::http

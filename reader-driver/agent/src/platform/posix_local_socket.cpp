#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "cardea/link/socket.h"
#include "local_socket.h"

namespace cardea::agent {
namespace {

class PosixConnection final : public LocalConnection {
 public:
  explicit PosixConnection(link::Descriptor socket) : socket_{std::move(socket)} {}

  bool send(std::string_view octets) override {
    while (!octets.empty()) {
      const auto n = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      octets.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  std::size_t receive(std::span<char> into) override {
    while (true) {
      const auto n = ::recv(socket_.get(), into.data(), into.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      return n < 0 ? 0 : static_cast<std::size_t>(n);
    }
  }

 private:
  link::Descriptor socket_;
};

bool heard(int fd) {
  const auto peer = link::peer_of(fd);
  return peer && (peer->user == 0 || peer->user == ::geteuid());
}

class PosixListener final : public LocalListener {
 public:
  PosixListener(link::Descriptor socket, std::filesystem::path path)
      : socket_{std::move(socket)}, path_{std::move(path)} {}
  PosixListener(const PosixListener&) = delete;
  PosixListener& operator=(const PosixListener&) = delete;
  ~PosixListener() override { ::unlink(path_.c_str()); }

  std::unique_ptr<LocalConnection> accept(std::chrono::milliseconds limit) override {
    pollfd watched{socket_.get(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(limit.count())) <= 0) return nullptr;
    link::Descriptor client{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!client || !heard(client.get())) return nullptr;
    return std::make_unique<PosixConnection>(std::move(client));
  }

 private:
  link::Descriptor socket_;
  std::filesystem::path path_;
};

}  // namespace

std::filesystem::path control_address(const std::filesystem::path& state_directory) {
  return state_directory / "agent.sock";
}

Result<std::unique_ptr<LocalConnection>> connect_local(const std::filesystem::path& address) {
  CARDEA_TRY(auto socket, link::connect_to(address.string()));
  return std::make_unique<PosixConnection>(std::move(socket));
}

Result<std::unique_ptr<LocalListener>> LocalListener::listen(const std::filesystem::path& address) {
  CARDEA_TRY(auto socket, link::listen_on(address.string()));
  return std::make_unique<PosixListener>(std::move(socket), address);
}

}  // namespace cardea::agent

#include "channel.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace cardea::http {
namespace {

IoResult socket_result(ssize_t result, Io when_blocked) {
  if (result > 0) return {Io::done, static_cast<std::size_t>(result)};
  if (result < 0 && (errno == EAGAIN || errno == EINTR)) return {when_blocked, 0};
  return {Io::closed, 0};
}

int clamped(std::size_t n) {
  return static_cast<int>(std::min<std::size_t>(n, INT_MAX));
}

}  // namespace

Channel::Channel(int fd, SSL_CTX* tls) : fd_{fd} {
  if (tls == nullptr) return;
  ssl_ = SSL_new(tls);
  if (ssl_ == nullptr || SSL_set_fd(ssl_, fd) != 1) healthy_ = false;
}

Channel::~Channel() {
  SSL_free(ssl_);
  ::close(fd_);
}

IoResult Channel::tls_result(int result) {
  if (result > 0) return {Io::done, static_cast<std::size_t>(result)};
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {Io::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Io::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Io::closed, 0};
    default:
      healthy_ = false;  // after a fatal error SSL_shutdown may not be called
      return {Io::closed, 0};
  }
}

IoResult Channel::handshake() {
  if (!healthy_) return {Io::closed, 0};
  if (ssl_ == nullptr) return {Io::done, 0};
  ERR_clear_error();
  return tls_result(SSL_accept(ssl_));
}

IoResult Channel::read(char* out, std::size_t room) {
  if (ssl_ == nullptr) return socket_result(::recv(fd_, out, room, 0), Io::want_read);
  ERR_clear_error();
  return tls_result(SSL_read(ssl_, out, clamped(room)));
}

IoResult Channel::write(std::string_view octets) {
  if (ssl_ == nullptr)
    return socket_result(::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL), Io::want_write);
  ERR_clear_error();
  return tls_result(SSL_write(ssl_, octets.data(), clamped(octets.size())));
}

bool Channel::has_pending() const {
  return ssl_ != nullptr && SSL_has_pending(ssl_) == 1;
}

std::array<std::uint8_t, 32> Channel::exporter() const {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  std::array<std::uint8_t, 32> out{};
  if (ssl_ == nullptr || SSL_is_init_finished(ssl_) == 0) return out;
  if (SSL_export_keying_material(ssl_, out.data(), out.size(), kLabel.data(), kLabel.size(), nullptr, 0, 0) !=
      1) {
    out.fill(0);
  }
  return out;
}

void Channel::close_notify() {
  if (ssl_ == nullptr || !healthy_ || SSL_in_init(ssl_) == 1) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

void Channel::end_of_sending() const {
  ::shutdown(fd_, SHUT_WR);
}

IoResult Channel::discard() const {
  std::array<char, 16384> sink;  // NOLINT(*-member-init): written before it is read, and it is not read
  return socket_result(::recv(fd_, sink.data(), sink.size(), 0), Io::want_read);
}

}  // namespace cardea::http

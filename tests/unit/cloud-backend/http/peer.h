#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "cardea/http/message.h"
#include "cardea/test/temp_dir.h"

namespace cardea::http::test {

using cardea::test::TempDir;

/// A client that sends exactly what it is told.
class Peer {
 public:
  explicit Peer(const std::filesystem::path& socket) : fd_{::socket(AF_UNIX, SOCK_STREAM, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto& name = socket.native();
    std::copy(name.begin(), name.end(), &address.sun_path[0]);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  explicit Peer(std::uint16_t port) : fd_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { ::close(fd_); }

  void send(const std::string& text) const {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const auto n = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;  // the server has hung up, which the test will notice
      sent += static_cast<std::size_t>(n);
    }
  }
  /// All until the text ends with `end`, or until the server closes.
  std::string until(const std::string& end) const {
    std::string text;
    char c = 0;
    while ((end.empty() || text.size() < end.size() ||
            text.compare(text.size() - end.size(), end.size(), end) != 0) &&
           ::recv(fd_, &c, 1, 0) == 1) {
      text += c;
    }
    return text;
  }
  std::string rest() const { return until(""); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

inline Response echo(Request& request) {
  if (request.path == "/throw") throw std::runtime_error{"inside"};
  Response response;
  response.content_type = "text/plain";
  response.body =
      std::string{request.method} + " " + std::string{request.path} + " " + std::string{request.body};
  return response;
}

inline const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
inline const std::string kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nCache-Control: no-store\r\n\r\nGET "
    "/a ";

}  // namespace cardea::http::test

#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/link/socket.h"

namespace cardea::test {

/// One slot of a vpcd, as that plays it: it listens, and asks what the test says.
class VpcdSlot {
 public:
  static constexpr std::chrono::seconds kLong{20};  // for what must happen at once

  /// At a port that is free, or at this one, if it is.
  explicit VpcdSlot(std::uint16_t port = 0) : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    auto address = loopback(port);
    socklen_t size = sizeof address;
    free_ = ::bind(listener_.get(), generic(&address), size) == 0 && ::listen(listener_.get(), 8) == 0;
    REQUIRE(::getsockname(listener_.get(), generic(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }

  [[nodiscard]] bool listens() const { return free_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Takes the card that connects, and asks for its ATR.
  void take_card() {
    REQUIRE(readable(listener_.get(), kLong));
    card_ = link::Descriptor{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(card_);
    say({0x04});
  }
  [[nodiscard]] bool card_connects_within(std::chrono::milliseconds limit) const {
    return readable(listener_.get(), limit);
  }
  void drop_card() { card_ = link::Descriptor{}; }

  void say(const Bytes& payload) const {
    Bytes out;
    append_be16(out, static_cast<std::uint16_t>(payload.size()));
    append(out, payload);
    raw(out);
  }
  void raw(BytesView octets) const {
    REQUIRE(::send(card_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
  }

  /// The card's next answer; nothing when it has closed the connection.
  [[nodiscard]] std::optional<Bytes> hear() const {
    auto length = read(2);
    if (!length) return std::nullopt;
    return read(static_cast<std::size_t>(read_be(*length)));
  }
  [[nodiscard]] bool silent() const { return !readable(card_.get(), std::chrono::milliseconds{0}); }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }
  static sockaddr* generic(sockaddr_in* address) {
    return reinterpret_cast<sockaddr*>(address);  // NOLINT(*-reinterpret-cast): sockets API
  }
  static bool readable(int fd, std::chrono::milliseconds limit) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(limit.count())) > 0;
  }
  [[nodiscard]] std::optional<Bytes> read(std::size_t size) const {
    Bytes out(size);
    for (std::size_t got = 0; got < size;) {
      REQUIRE(readable(card_.get(), kLong));
      const auto n = ::recv(card_.get(), out.data() + got, size - got, 0);
      if (n <= 0) return std::nullopt;
      got += static_cast<std::size_t>(n);
    }
    return out;
  }

  link::Descriptor listener_;
  link::Descriptor card_;
  std::uint16_t port_ = 0;
  bool free_ = false;
};

}  // namespace cardea::test

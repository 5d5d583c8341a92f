// A card for vsmartcard's vpcd that answers everything with a discovery object: what that reader costs by
// itself. Frames: a length of two octets and so many octets; one octet alone is control (0 off, 1 on, 2
// reset, 4 ATR), and only 4 is answered.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cardea/bytes.h"
#include "cardea/hex.h"

namespace {

using namespace cardea::literals;

constexpr auto kAtr = "3B 87 80 01 43 61 72 64 65 61 30 06"_hex;
constexpr auto kAnswer = "7E 12 4F 0B A0 00 00 03 08 00 00 10 00 01 00 5F 2F 02 40 00 90 00"_hex;

bool read_exactly(int fd, cardea::Bytes& out, std::size_t size) {
  out.resize(size);
  for (std::size_t got = 0; got < size;) {
    const auto n = ::recv(fd, out.data() + got, size - got, 0);
    if (n <= 0) return false;
    got += static_cast<std::size_t>(n);
  }
  return true;
}

bool answer(int fd, cardea::BytesView payload) {
  cardea::Bytes frame;
  cardea::append_be16(frame, static_cast<std::uint16_t>(payload.size()));
  cardea::append(frame, payload);
  return ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size());
}

int connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* generic =
        reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): sockets API
    if (::connect(fd, generic, sizeof address) == 0) return fd;
    ::close(fd);
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 35963;
  CLI::App app{"A null card behind vpcd"};
  app.add_option("--port", port);
  CLI11_PARSE(app, argc, argv);
  const int fd = connect_to(port);
  if (fd < 0) {
    std::fprintf(stderr, "nobody listens on port %u\n", static_cast<unsigned>(port));
    return 3;
  }
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  cardea::Bytes octets;
  while (read_exactly(fd, octets, 2)) {
    if (!read_exactly(fd, octets, static_cast<std::size_t>(cardea::read_be(octets)))) break;
    const bool control = octets.size() == 1;
    if (control && octets[0] != 4) continue;
    if (!answer(fd, control ? cardea::BytesView{kAtr} : cardea::BytesView{kAnswer})) break;
  }
  ::close(fd);
  return 0;
}

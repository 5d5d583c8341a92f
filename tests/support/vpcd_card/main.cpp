// A card in memory, put into the reader of vsmartcard's vpcd. The reader speaks first; each message in both
// directions is a length of two octets, big-endian, and as many octets. A message of one octet is for the
// power supply, anything else is an APDU.
//
//   vpcd_card --port 35963 [--profile piv-yubikey5] [--fail-store-after N] [--drop-after N]…
//
// --fail-store-after: the card's storage fails once, at the Nth write from now on. --drop-after: the card is
// pulled out right after the Nth command was carried out and before its answer is sent, and put in again; may
// be given several times, each counted from the one before. A new card is made at each start of the program.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "cardea/bytes.h"
#include "cardea/test/test_card.h"

namespace {

using cardea::Bytes;
using cardea::BytesView;

volatile std::sig_atomic_t g_no_more_drops = 0;

struct Arguments {
  unsigned port = 35963;
  std::string profile{cardea::test::kYubikey5};
  std::optional<unsigned> fail_store_after;
  std::deque<unsigned> drop_after;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name{argv[i]};
    const std::string value{argv[i + 1]};
    if (name == "--port") {
      out.port = static_cast<unsigned>(std::stoul(value));
    } else if (name == "--profile") {
      out.profile = value;
    } else if (name == "--fail-store-after") {
      out.fail_store_after = static_cast<unsigned>(std::stoul(value));
    } else if (name == "--drop-after") {
      out.drop_after.push_back(static_cast<unsigned>(std::stoul(value)));
    } else {
      std::cerr << "vpcd_card: unknown option " << name << "\n";
      std::exit(2);  // NOLINT(concurrency-mt-unsafe): one thread
    }
  }
  return out;
}

/// Tries for ten seconds: vpcd takes up to half a second to notice that a card has gone.
int connect_to(unsigned port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // NOLINTNEXTLINE(*-reinterpret-cast): sockets API
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const int on = 1;
      (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return fd;
    }
    if (fd >= 0) ::close(fd);
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  std::cerr << "vpcd_card: no vpcd on port " << port << "\n";
  std::exit(3);  // NOLINT(concurrency-mt-unsafe): one thread
}

/// Reads exactly as many octets; false at the end of the stream. vpcd sends length and content in two
/// segments, and waits with the second until the first is acknowledged: quick acknowledgement, asked for
/// before each read, saves 40 ms per command.
bool read_exactly(int fd, std::uint8_t* out, std::size_t size) {
  while (size > 0) {
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    const ssize_t n = ::recv(fd, out, size, 0);
    if (n <= 0) return false;
    out += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<Bytes> receive(int fd) {
  std::array<std::uint8_t, 2> length{};
  if (!read_exactly(fd, length.data(), length.size())) return std::nullopt;
  Bytes out(cardea::read_be(length));
  if (!read_exactly(fd, out.data(), out.size())) return std::nullopt;
  return out;
}

bool answer(int fd, BytesView content) {
  Bytes message;
  cardea::append_be16(message, static_cast<std::uint16_t>(content.size()));
  cardea::append(message, content);
  return ::send(fd, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

/// The reader's control codes: 0 off, 1 on, 2 reset, 4 what is the ATR.
bool control(int fd, std::uint8_t code, cardea::test::TestCard& card) {
  if (code == 4) return answer(fd, card.card().profile().atr);
  card.card().reset();
  return true;
}

/// Serves one insertion; true when the card was pulled out on purpose.
bool serve_once(int fd, cardea::test::TestCard& card, std::deque<unsigned>& drops) {
  unsigned commands = 0;
  while (const auto message = receive(fd)) {
    if (message->size() == 1) {
      if (!control(fd, message->front(), card)) return false;
      continue;
    }
    const auto outcome = card.transmit(*message);
    if (g_no_more_drops == 0 && !drops.empty() && ++commands == drops.front()) {
      drops.pop_front();
      return true;
    }
    if (!answer(fd, outcome.response)) return false;
  }
  return false;
}

int serve(Arguments arguments) {
  cardea::test::TestCard card{arguments.profile};
  if (arguments.fail_store_after) card.fail_store_after(*arguments.fail_store_after);
  for (bool again = true; again;) {
    const int fd = connect_to(arguments.port);
    again = serve_once(fd, card, arguments.drop_after);
    ::close(fd);
    card.card().reset();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // With SA_RESTART, so that a wait for the next command goes on.
  struct sigaction settle {};
  settle.sa_handler = [](int) { g_no_more_drops = 1; };
  settle.sa_flags = SA_RESTART;
  (void)::sigaction(SIGUSR1, &settle, nullptr);
  try {
    return serve(parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "vpcd_card: " << error.what() << "\n";
    return 1;
  }
}

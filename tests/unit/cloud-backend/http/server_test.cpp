#include "cardea/http/server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "peer.h"

using namespace cardea;
using namespace cardea::http;
using namespace cardea::http::test;

namespace {

struct Local {
  TempDir dir;
  std::unique_ptr<Server> server;

  explicit Local(ServerOptions options = {}) {
    options.unix_socket = socket();
    options.threads = 2;
    auto started = Server::start(options, echo);
    REQUIRE(started);
    server = *std::move(started);
  }
  [[nodiscard]] std::filesystem::path socket() const { return dir.path / "s"; }
};

}  // namespace

TEST_CASE("server: a response is exactly this") {
  const Local local;
  const Peer peer{local.socket()};
  peer.send(kGet);
  CHECK(peer.until("GET /a ") == kAnswer);
  peer.send(kGet);  // the connection stays
  CHECK(peer.until("GET /a ") == kAnswer);
}

TEST_CASE("server: requests may come in pieces or several at once") {
  const Local local;
  const Peer peer{local.socket()};
  const std::string post = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
  for (const char c : post)
    peer.send(std::string(1, c));
  CHECK(peer.until("hello").find("POST /b hello") != std::string::npos);
  peer.send(kGet + post + kGet);
  CHECK(peer.until("GET /a ") == kAnswer);
  CHECK(peer.until("POST /b hello").find("Content-Length: 13\r\n") != std::string::npos);
  CHECK(peer.until("GET /a ") == kAnswer);
}

TEST_CASE("server: a body larger than the first buffer arrives whole") {
  const Local local;
  const Peer peer{local.socket()};
  const std::string body(700'000, 'x');
  std::thread sender{
      [&] { peer.send("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n" + body); }};
  peer.until("\r\n\r\n");
  CHECK(peer.until("x") == "POST /b x");
  std::string rest;
  while (rest.size() < body.size() - 1) {
    std::array<char, 65536> part{};
    const auto n = ::recv(peer.fd(), part.data(), part.size(), 0);
    REQUIRE(n > 0);
    rest.append(part.data(), static_cast<std::size_t>(n));
  }
  sender.join();
  CHECK(rest == body.substr(1));
}

TEST_CASE("server: HEAD is GET without the body; close means close") {
  const Local local;
  const Peer peer{local.socket()};
  peer.send("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(peer.rest() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nCache-Control: no-store\r\n"
        "Connection: close\r\n\r\n");
}

TEST_CASE("server: garbage is refused, and the connection ends") {
  const Local local;
  const Peer peer{local.socket()};
  peer.send("\x16\x03\x01 not HTTP at all\r\n\r\n" + kGet);
  const auto answer = peer.rest();
  CHECK(answer.substr(0, 26) == "HTTP/1.1 400 Bad Request\r\n");
  CHECK(answer.find("https://cardea.invalid/problems/bad-request") != std::string::npos);
  CHECK(answer.find("200 OK") == std::string::npos);
}

TEST_CASE("server: a body over the limit is refused before it is read") {
  const Local local;
  const Peer peer{local.socket()};
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n");
  CHECK(peer.rest().find("https://cardea.invalid/problems/body-too-large") != std::string::npos);
  // The client that sends it all the same gets to read the answer.
  const Peer eager{local.socket()};
  eager.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x'));
  ::shutdown(eager.fd(), SHUT_WR);
  CHECK(eager.rest().substr(0, 12) == "HTTP/1.1 413");
}

TEST_CASE("server: who waits for 100 gets it") {
  const Local local;
  const Peer peer{local.socket()};
  peer.send("POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(peer.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("ok");
  CHECK(peer.until("POST /b ok").find("200 OK") != std::string::npos);
}

TEST_CASE("server: an exception in a handler is a 500 that tells nothing") {
  const Local local;
  const Peer peer{local.socket()};
  peer.send("GET /throw HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto answer = peer.rest();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 500");
  CHECK(answer.find("inside") == std::string::npos);
}

TEST_CASE("server: a client that stops in the middle of a request is hung up on, and holds no thread") {
  ServerOptions options;
  options.request = std::chrono::milliseconds{1};
  const Local local{options};
  const Peer slow{local.socket()};
  const Peer slower{local.socket()};
  const Peer slowest{local.socket()};
  for (const auto* peer : {&slow, &slower, &slowest})
    peer->send("GET /");
  const Peer quick{local.socket()};  // more slow ones than threads, and it is answered
  quick.send(kGet);
  CHECK(quick.until("GET /a ") == kAnswer);
  CHECK(slow.rest().empty());
  CHECK(slower.rest().empty());
  CHECK(slowest.rest().empty());
  CHECK(local.server->stats().timeouts == 3);
}

TEST_CASE("server: connections over the limit are closed") {
  ServerOptions options;
  options.max_connections = 1;
  const Local local{options};
  const Peer first{local.socket()};
  first.send(kGet);
  CHECK(first.until("GET /a ") == kAnswer);
  const Peer second{local.socket()};
  CHECK(second.rest().empty());
  CHECK(local.server->stats().refused == 1);
}

TEST_CASE("server: the Unix socket is for its owner, is taken once, and a dead one is replaced") {
  TempDir dir;
  const auto path = dir.path / "s";
  ServerOptions options;
  options.unix_socket = path;
  {
    const auto server = Server::start(options, echo);
    REQUIRE(server);
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
    CHECK(Server::start(options, echo).error().code == Errc::conflict);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.native().begin(), path.native().end(), &address.sun_path[0]);
  REQUIRE(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(left);  // a killed server leaves its socket file
  CHECK(Server::start(options, echo));
}

TEST_CASE("server: stopping lets the running request finish and hangs up on idle clients") {
  TempDir dir;
  ServerOptions options;
  options.unix_socket = dir.path / "s";
  std::atomic<bool> running{false};
  std::atomic<bool> go_on{false};
  auto server = *Server::start(options, [&](Request& request) {
    running = true;
    running.notify_all();
    go_on.wait(false);
    return echo(request);
  });
  const Peer idle{options.unix_socket};
  const Peer busy{options.unix_socket};
  busy.send(kGet);
  running.wait(false);
  std::thread stopper{[&] { server->stop(); }};
  // An idle one is told at once, or by the watch on time if it connected only just before.
  CHECK(idle.rest().empty());
  go_on = true;
  go_on.notify_all();
  CHECK(busy.rest().find("GET /a ") != std::string::npos);
  stopper.join();
}

#include "cardea/http/server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

using namespace cardea;
using namespace cardea::http;

namespace {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "cardea-http-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

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

Response echo(Request& request) {
  if (request.path == "/throw") throw std::runtime_error{"inside"};
  Response response;
  response.content_type = "text/plain";
  response.body =
      std::string{request.method} + " " + std::string{request.path} + " " + std::string{request.body};
  return response;
}

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

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nCache-Control: no-store\r\n\r\nGET "
    "/a ";

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
  CHECK(local.server->stats().timeouts >= 3);
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

TEST_CASE("server: TLS 1.3 with a certificate of the local CA, and nothing older [F1]") {
  const TempDir dir;
  const auto files = ensure_local_ca(dir.path, {"cards.example"}).value();
  ServerOptions options;
  options.address = "127.0.0.1";
  options.tls = TlsContext::load(files.certificate, files.key, {}).value();
  const auto server = *Server::start(options, echo);
  REQUIRE(server->port() != 0);

  ServerOptions same = options;
  same.port = server->port();
  const auto taken = Server::start(same, echo);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Errc::conflict);
  CHECK(taken.error().what ==
        "cannot listen on 127.0.0.1 port " + std::to_string(server->port()) + ": Address already in use");

  const auto connect = [&](int newest, const char* name) {
    const Peer peer{server->port()};
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, newest);
    REQUIRE(SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL* ssl = SSL_new(context);
    SSL_set1_host(ssl, name);
    SSL_set_fd(ssl, peer.fd());
    std::string answer;
    if (SSL_connect(ssl) == 1) {
      SSL_write(ssl, kGet.data(), static_cast<int>(kGet.size()));
      std::array<char, 1024> buffer{};
      const int n = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      if (n > 0) answer.assign(buffer.data(), static_cast<std::size_t>(n));
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return answer;
  };
  CHECK(connect(TLS1_3_VERSION, "localhost") == kAnswer);  // in one record
  CHECK(connect(TLS1_3_VERSION, "cards.example") == kAnswer);
  CHECK(connect(TLS1_3_VERSION, "other.example").empty());
  CHECK(connect(TLS1_2_VERSION, "localhost").empty());

  const Peer plain{server->port()};
  plain.send(kGet);
  CHECK(plain.rest().find("200 OK") == std::string::npos);
  CHECK(server->stats().handshake_failures >= 1);
}

TEST_CASE("server: clients without a certificate of the named CA are not let in") {
  const TempDir dir;
  const auto files = ensure_local_ca(dir.path, {}).value();
  ServerOptions options;
  options.address = "127.0.0.1";
  options.tls = TlsContext::load(files.certificate, files.key, files.ca).value();
  const auto server = *Server::start(options, echo);
  const Peer peer{server->port()};
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, peer.fd());
  char octet = 0;
  // In TLS 1.3 the client believes to be connected before the server has looked at its (missing) certificate.
  CHECK((SSL_connect(ssl) != 1 || SSL_read(ssl, &octet, 1) <= 0));
  SSL_free(ssl);
  SSL_CTX_free(context);
}

TEST_CASE("local CA: made once, kept, and the server's certificate follows the names") {
  const TempDir dir;
  const auto read = [](const std::filesystem::path& file) {
    const auto size = std::filesystem::file_size(file);
    std::string text(size, '\0');
    FILE* in = std::fopen(file.c_str(), "r");
    REQUIRE(std::fread(text.data(), 1, size, in) == size);
    std::fclose(in);
    return text;
  };
  const auto first = ensure_local_ca(dir.path / "tls", {}).value();
  for (const auto& key : {first.key, dir.path / "tls" / "ca.key"}) {
    struct stat info {};
    REQUIRE(::stat(key.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
  }
  const auto ca = read(first.ca);
  const auto certificate = read(first.certificate);
  REQUIRE(ensure_local_ca(dir.path / "tls", {}));
  CHECK(read(first.certificate) == certificate);
  REQUIRE(ensure_local_ca(dir.path / "tls", {"192.0.2.7", "a.example"}));
  CHECK(read(first.certificate) != certificate);
  CHECK(read(first.ca) == ca);

  std::filesystem::resize_file(first.ca, 10);
  CHECK(ensure_local_ca(dir.path / "tls", {}).error().code == Errc::corrupt);
  CHECK(TlsContext::load(first.certificate, dir.path / "tls" / "ca.key", {}).error().code == Errc::corrupt);
}

#include <doctest/doctest.h>

#include <atomic>

#include "cardea/api/http.h"
#include "tls_server.h"
#include "tokens.h"

namespace cardea::api {
namespace {

using test::must;
using test::Peer;
using test::TlsServer;

constexpr auto kOk = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const HttpRequest kGet{"GET", "/v1/cards", {}, {}, {}};

struct Setting {
  test::Certificates certificates;
  std::string ca = certificates.make_ca("ca");
  std::string leaf = certificates.make_leaf(ca, "server", "IP:127.0.0.1");
  std::unique_ptr<HttpConnector> connector = make_openssl_connector();

  [[nodiscard]] ServerAddress address(const TlsServer& server) const {
    return {"127.0.0.1", server.port(), ca, std::chrono::seconds{20}, {}};
  }
  Result<HttpReply> get(const ServerAddress& address) { return connector->connect(address)->send(kGet); }
};

std::string at(const TlsServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

/// Serves every request with the same octets.
TlsServer::Script always(std::string reply) {
  return [reply = std::move(reply)](Peer& peer, int) {
    while (!peer.read_request().empty())
      peer.send(reply);
  };
}

TEST_CASE("connection: a request as sent and its reply; the connection is kept [F1]") {
  Setting setting;
  std::vector<std::string> seen;
  std::atomic<int> connections{0};
  {
    TlsServer server{{setting.leaf, {}}, [&](Peer& peer, int number) {
                       connections = number;
                       for (auto request = peer.read_request(); !request.empty();
                            request = peer.read_request()) {
                         seen.push_back(request);
                         peer.send(kOk);
                       }
                     }};
    auto connection = setting.connector->connect(setting.address(server));
    const auto reply =
        must(connection->send({"POST", "/v1/token", {{"DPoP", "x.y.z"}}, "text/plain", "a=b"}));
    CHECK(reply.status == 200);
    CHECK(reply.content_type == "text/plain");
    CHECK(reply.body == "ok");
    CHECK(must(connection->send({"DELETE", "/v1/x", {}, {}, {}})).body == "ok");
    CHECK(connections == 1);
    const auto host = at(server);
    setting.connector->connect(setting.address(server));  // opens nothing before it is used
    connection.reset();
    server.wait_until_closed(1);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] == "POST /v1/token HTTP/1.1\r\nHost: " + host +
                         "\r\nDPoP: x.y.z\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b");
    CHECK(seen[1] == "DELETE /v1/x HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }
}

TEST_CASE("connection: bodies of any size, both ways, and chunks") {
  Setting setting;
  const std::string large(1U << 20U, 'b');
  TlsServer server{{setting.leaf, {}}, [&](Peer& peer, int) {
                     for (auto request = peer.read_request(); !request.empty();
                          request = peer.read_request()) {
                       const auto body = request.substr(request.find("\r\n\r\n") + 4);
                       peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000;x=y\r\n");
                       peer.send(body);
                       peer.send("\r\n0\r\nTrailer: t\r\n\r\n");
                     }
                   }};
  const auto connection = setting.connector->connect(setting.address(server));
  for (int i = 0; i < 2; ++i) {
    CHECK(must(connection->send({"POST", "/", {}, "text/plain", large})).body == large);
  }
}

TEST_CASE("connection: one that was closed while idle is opened again without a word") {
  Setting setting;
  std::atomic<int> requests{0};
  TlsServer server{{setting.leaf, {}}, [&](Peer& peer, int number) {
                     if (!peer.read_request().empty()) ++requests;
                     peer.send(kOk);
                     if (number == 2) peer.cut();
                   }};
  const auto connection = setting.connector->connect(setting.address(server));
  for (int i = 1; i <= 3; ++i) {
    CAPTURE(i);
    CHECK(must(connection->send(kGet)).body == "ok");
    server.wait_until_closed(i);
  }
  CHECK(requests == 3);
}

TEST_CASE("connection: a request that may have arrived is never repeated") {
  Setting setting;
  std::atomic<int> requests{0};
  TlsServer server{{setting.leaf, {}}, [&](Peer& peer, int number) {
                     if (!peer.read_request().empty()) ++requests;
                     if (number == 2) peer.send(kOk);
                   }};
  const auto connection = setting.connector->connect(setting.address(server));
  // In order or not: a server that closes instead of answering has broken off.
  const auto broken = connection->send(kGet);
  REQUIRE_FALSE(broken.has_value());
  server.wait_until_closed(1);
  CHECK(requests == 1);
  CHECK(must(connection->send(kGet)).body == "ok");
  CHECK(requests == 2);
}

TEST_CASE("connection: a server that says \"Connection: close\" is taken at its word") {
  Setting setting;
  std::atomic<int> connections{0};
  TlsServer server{{setting.leaf, {}}, [&](Peer& peer, int number) {
                     connections = number;
                     (void)peer.read_request();
                     peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
                     peer.wait_for_end();
                   }};
  const auto connection = setting.connector->connect(setting.address(server));
  CHECK(connection->send(kGet).has_value());
  CHECK(connection->send(kGet).has_value());
  CHECK(connections == 2);
}

TEST_CASE("connection: truncated replies, whether the end is announced or not") {
  Setting setting;
  const auto answered = [&setting](std::string octets, bool cut) {
    TlsServer server{{setting.leaf, {}}, [octets, cut](Peer& peer, int) {
                       (void)peer.read_request();
                       peer.send(octets);
                       if (cut) peer.cut();
                     }};
    return setting.get(setting.address(server));
  };
  for (const auto* octets :
       {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    CAPTURE(octets);
    CHECK_FAILS(answered(octets, false), Errc::corrupt, "the reply was cut off");
    const auto cut = answered(octets, true);
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().code == Errc::unavailable);
  }
  // Without a length the end of the connection ends the reply, if it is announced.
  CHECK(must(answered("HTTP/1.1 200 OK\r\n\r\nall of it", false)).body == "all of it");
  const auto cut = answered("HTTP/1.1 200 OK\r\n\r\nall of", true);
  REQUIRE_FALSE(cut.has_value());
  CHECK(cut.error().code == Errc::unavailable);
}

TEST_CASE("connection: a server that is silent, and one that is never done, run out of time") {
  Setting setting;
  const auto check = [&setting](const TlsServer& server) {
    auto address = setting.address(server);
    address.timeout = std::chrono::milliseconds{150};
    CHECK_FAILS(setting.get(address), Errc::unavailable, at(server) + " did not answer in time");
  };
  check(TlsServer{{setting.leaf, {}}, [](Peer& peer, int) {
                    (void)peer.read_request();
                    peer.wait_for_end();
                  }});
  check(TlsServer{{setting.leaf, {}}, [](Peer& peer, int) {
                    (void)peer.read_request();
                    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
                    peer.dribble();
                  }});
}

TEST_CASE("connection: headers and bodies without end are refused") {
  Setting setting;
  constexpr auto kTooLarge = "what the server sent is larger than any reply of it can be";
  TlsServer headers{{setting.leaf, {}},
                    always("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n")};
  CHECK_FAILS(setting.get(setting.address(headers)), Errc::exhausted, kTooLarge);
  TlsServer body{{setting.leaf, {}}, always("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")};
  CHECK_FAILS(setting.get(setting.address(body)), Errc::exhausted, kTooLarge);
}

TEST_CASE("connection: what is no HTTP, and octets that nobody asked for") {
  Setting setting;
  for (const std::string reply : {"SSH-2.0-x\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"}) {
    TlsServer server{{setting.leaf, {}}, always(reply)};
    CHECK_FAILS(setting.get(setting.address(server)), Errc::corrupt, "what the server sent is not HTTP/1.1");
  }
  TlsServer server{{setting.leaf, {}}, always(std::string{kOk} + "HTTP/1.1 200 OK\r\n")};
  CHECK_FAILS(setting.get(setting.address(server)), Errc::corrupt, "what the server sent is not HTTP/1.1");
}

TEST_CASE("connection: a certificate of another authority, or for another name, is not trusted [F1]") {
  Setting setting;
  const auto other_ca = setting.certificates.make_ca("other-ca");
  const auto refused = [&setting](const std::string& leaf, const std::string& host, const std::string& ca,
                                  const char* why) {
    TlsServer server{{leaf, {}}, always(kOk)};
    ServerAddress address{host, server.port(), ca, std::chrono::seconds{20}, {}};
    CHECK_FAILS(
        setting.get(address), Errc::denied,
        "the certificate of " + host + ':' + std::to_string(server.port()) + " is not trusted: " + why);
  };
  refused(setting.leaf, "127.0.0.1", other_ca, "unable to get local issuer certificate");
  refused(setting.leaf, "localhost", setting.ca, "hostname mismatch");
  refused(setting.certificates.make_leaf(setting.ca, "named", "DNS:cards.example"), "127.0.0.1", setting.ca,
          "IP address mismatch");
}

TEST_CASE("connection: by name as well as by address") {
  Setting setting;
  TlsServer server{{setting.certificates.make_leaf(setting.ca, "named", "DNS:localhost"), {}}, always(kOk)};
  auto address = setting.address(server);
  address.host = "localhost";
  CHECK(must(setting.get(address)).body == "ok");
}

TEST_CASE("connection: TLS 1.2 will not do [F1]") {
  Setting setting;
  TlsServer server{{setting.leaf, {}, TLS1_2_VERSION}, always(kOk)};
  const auto refused = setting.get(setting.address(server));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::unavailable);
  CHECK(refused.error().what.starts_with("no TLS 1.3 connection with " + at(server)));
}

TEST_CASE("connection: mutual TLS, with the certificate and without") {
  Setting setting;
  TlsServer server{{setting.leaf, setting.ca}, always(kOk)};
  auto address = setting.address(server);
  CHECK_FAILS(setting.get(address), Errc::denied, at(server) + " does not accept this client's certificate");
  address.client_certificate = setting.certificates.make_leaf(setting.ca, "client", "DNS:client.example");
  CHECK(must(setting.get(address)).body == "ok");
}

TEST_CASE("connection: sessions are resumed") {
  Setting setting;
  std::vector<bool> resumed;
  TlsServer server{{setting.leaf, {}}, [&](Peer& peer, int) {
                     resumed.push_back(peer.resumed());
                     (void)peer.read_request();
                     peer.send(kOk);
                     peer.wait_for_end();
                   }};
  for (int i = 1; i <= 2; ++i) {
    CHECK(setting.get(setting.address(server)).has_value());
    server.wait_until_closed(i);
  }
  CHECK(resumed == std::vector<bool>{false, true});
}

TEST_CASE("connection: nobody there, files that are none, requests that HTTP cannot carry") {
  Setting setting;
  ServerAddress address{"127.0.0.1", 1, setting.ca, std::chrono::seconds{20}, {}};
  CHECK_FAILS(setting.get(address), Errc::unavailable, "cannot reach 127.0.0.1 port 1: Connection refused");
  address.ca_file = "/nowhere/ca.pem";
  const auto no_file = setting.get(address);
  REQUIRE_FALSE(no_file.has_value());
  CHECK(no_file.error().code == Errc::invalid);
  CHECK(no_file.error().what.starts_with("cannot read the CA certificate /nowhere/ca.pem"));

  const auto connection = setting.connector->connect(address);
  for (const HttpRequest& request :
       {HttpRequest{"GET", "/a b", {}, {}, {}}, HttpRequest{"GET", "v1", {}, {}, {}},
        HttpRequest{"GET", "", {}, {}, {}}, HttpRequest{"G\r\nX", "/", {}, {}, {}},
        HttpRequest{"GET", "/", {{"A", "b\r\nC: d"}}, {}, {}}, HttpRequest{"GET", "/", {{"A:", "b"}}, {}, {}},
        HttpRequest{"POST", "/", {}, "text\n/plain", {}}}) {
    CHECK_FAILS(connection->send(request), Errc::invalid,
                "the request has a character that HTTP does not allow there");
  }
}

}  // namespace
}  // namespace cardea::api

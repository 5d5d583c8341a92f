#include "cardea/api/client.h"

#include <doctest/doctest.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "cardea/hex.h"
#include "tokens.h"

namespace cardea::api {
namespace {

using nlohmann::json;
using test::must;

constexpr auto kUrl = "https://127.0.0.1:8443";
constexpr auto kJson = "application/json";
#ifdef _WIN32
constexpr auto kPlatform = "windows";
#else
constexpr auto kPlatform = "linux";
#endif

/// What a connection was asked, and what it will answer.
struct Wire {
  std::vector<HttpRequest> requests;
  std::deque<Result<HttpReply>> replies;

  void answer(int status, const std::string& body, const char* type = kJson) {
    replies.emplace_back(HttpReply{status, type, body});
  }
  void grant(const std::string& token) {
    answer(200, R"({"access_token":")" + token + R"(","token_type":"DPoP","expires_in":600})");
  }
};

class WireConnection final : public HttpConnection {
 public:
  explicit WireConnection(Wire& wire) : wire_{wire} {}
  Result<HttpReply> send(const HttpRequest& request) override {
    wire_.requests.push_back(request);
    if (wire_.replies.empty()) return fail(Errc::unavailable, "nobody there");
    auto reply = std::move(wire_.replies.front());
    wire_.replies.pop_front();
    return reply;
  }

 private:
  Wire& wire_;
};

std::string header(const HttpRequest& request, std::string_view name) {
  for (const auto& [n, value] : request.headers)
    if (n == name) return value;
  return {};
}

struct Device {
  SigningKey key = generate_signing_key();
  std::chrono::seconds now{1'750'000'000};
  Wire wire;
  Client client = make();

  Client make() {
    return Client{std::make_unique<WireConnection>(wire), kUrl, key, [this] { return now; }};
  }
  json claims(const std::string& compact) {
    return json::parse(must(verify_jws(compact, key.public_key)).payload_json);
  }
};

constexpr auto kNoCards = R"({"cards":[]})";
const CardSession kSession{"s-1", "secret", "c", "l", {0x3B}};

TEST_CASE(
    "client: the token request, then the request itself with a proof for it [RFC7523#2.2] [RFC9449#5]") {
  Device device;
  device.wire.grant("T");
  device.wire.answer(
      200,
      R"({"cards":[{"id":"c","label":"L","profile":"piv-nist","state":"active","holder":"Ann"},{"id":"d"}]})");
  const auto cards = must(device.client.cards());
  REQUIRE(cards.size() == 2);
  CHECK(cards[0].id == "c");
  CHECK(cards[0].label == "L");
  CHECK(cards[0].profile == "piv-nist");
  CHECK(cards[0].state == "active");
  CHECK(cards[0].holder == "Ann");
  CHECK(cards[1].holder.empty());

  REQUIRE(device.wire.requests.size() == 2);
  const auto& token = device.wire.requests[0];
  CHECK(token.method == "POST");
  CHECK(token.path == "/v1/token");
  CHECK(token.content_type == "application/x-www-form-urlencoded");
  const std::string start =
      "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-"
      "bearer"
      "&client_assertion=";
  REQUIRE(token.body.starts_with(start));
  CHECK(device.claims(token.body.substr(start.size()))["aud"] == "https://127.0.0.1:8443/v1/token");
  auto proof = device.claims(header(token, "DPoP"));
  CHECK(proof["htm"] == "POST");
  CHECK(proof["htu"] == "https://127.0.0.1:8443/v1/token");
  CHECK_FALSE(proof.contains("ath"));

  const auto& list = device.wire.requests[1];
  CHECK(list.method == "GET");
  CHECK(list.path == "/v1/cards");
  CHECK(header(list, "Authorization") == "DPoP T");
  proof = device.claims(header(list, "DPoP"));
  CHECK(proof["htm"] == "GET");
  CHECK(proof["htu"] == "https://127.0.0.1:8443/v1/cards");
  CHECK(proof["iat"] == 1'750'000'000);
  CHECK(proof["ath"] == "5jK3CVsL8ywmD6TFOen9e4UtDeRU6b4m8k0Nb5HQadM");  // base64url of SHA-256 of "T"
}

TEST_CASE("client: a token is used until shortly before its end, by all clients of the device") {
  Device device;
  auto other = device.make();
  device.wire.grant("T");
  for (int i = 0; i < 3; ++i)
    device.wire.answer(200, kNoCards);
  CHECK(device.client.cards().has_value());
  device.now += std::chrono::seconds{569};
  CHECK(device.client.cards().has_value());
  CHECK(other.cards().has_value());
  CHECK(device.wire.requests.size() == 4);

  device.now += std::chrono::seconds{1};
  device.wire.grant("U");
  device.wire.answer(200, kNoCards);
  CHECK(other.cards().has_value());
  CHECK(device.wire.requests.size() == 6);
  CHECK(header(device.wire.requests.back(), "Authorization") == "DPoP U");
}

TEST_CASE("client: a clock that is set back makes no old token good") {
  Device device;
  device.wire.grant("T");
  device.wire.answer(200, kNoCards);
  CHECK(device.client.cards().has_value());
  device.now -= std::chrono::seconds{1};
  device.wire.grant("U");
  device.wire.answer(200, kNoCards);
  CHECK(device.client.cards().has_value());
  CHECK(device.wire.requests.size() == 4);
}

TEST_CASE("client: a kept token that is refused is replaced once, a new one that is refused is an answer") {
  Device device;
  device.wire.grant("T");
  device.wire.answer(200, kNoCards);
  CHECK(device.client.cards().has_value());

  device.wire.answer(401, R"({"detail":"old"})", "application/problem+json");
  device.wire.grant("U");
  device.wire.answer(200, kNoCards);
  CHECK(device.client.cards().has_value());
  CHECK(device.wire.requests.size() == 5);

  device.wire.answer(401, R"({"detail":"old"})", "application/problem+json");
  device.wire.grant("V");
  device.wire.answer(401, R"({"detail":"the device has been revoked"})", "application/problem+json");
  CHECK_FAILS(device.client.cards(), Errc::denied, "the device has been revoked");
  CHECK(device.wire.requests.size() == 8);
}

TEST_CASE("client: no token without a device") {
  Device device;
  device.wire.answer(401, R"({"detail":"the device is not known here"})", "application/problem+json");
  CHECK_FAILS(device.client.cards(), Errc::denied, "the device is not known here");
  CHECK(device.wire.requests.size() == 1);
  for (const char* body : {"", "[]", "{}", R"({"access_token":"T","token_type":"Bearer"})",
                           R"({"access_token":7,"token_type":"DPoP"})"}) {
    CAPTURE(body);
    device.wire.answer(200, body);
    CHECK_FAILS(device.client.cards(), Errc::corrupt, "the server's reply is not what was agreed");
  }
}

TEST_CASE("client: enrolment [C1]") {
  Device device;
  device.wire.answer(201, R"({"device":"d","organisation":"o","person":"Ann","token_endpoint":"x"})");
  const auto enrolment = must(device.client.enrol("ABCDE", "laptop"));
  CHECK(enrolment.device == "d");
  CHECK(enrolment.organisation == "o");
  CHECK(enrolment.person == "Ann");
  const auto& request = device.wire.requests.at(0);
  CHECK(request.method == "POST");
  CHECK(request.path == "/v1/enrolments");
  REQUIRE(request.headers.size() == 1);
  const auto proof = device.claims(header(request, "DPoP"));
  CHECK(proof.at("htm") == "POST");
  CHECK(proof.at("htu") == "https://127.0.0.1:8443/v1/enrolments");
  // SHA-256 of "ABCDE", base64url (sha256sum).
  CHECK(proof.at("ath") == "8Dk_6-i6qlXjL3vip8wYC_NOUhN9meBWyBepwHuPI5o");
  CHECK(json::parse(request.body) == json{{"code", "ABCDE"},
                                          {"public_key", to_jwk(device.key.public_key)},
                                          {"name", "laptop"},
                                          {"platform", kPlatform}});
  device.wire.answer(403, R"({"title":"T","detail":"the enrolment code has expired"})",
                     "application/problem+json");
  CHECK_FAILS(device.client.enrol("ABCDE", "laptop"), Errc::denied, "the enrolment code has expired");
}

TEST_CASE("client: opening a card session") {
  Device device;
  device.wire.grant("T");
  device.wire.answer(201,
                     R"({"id":"s-1","token":"secret","card":"c","label":"L","profile":"p","atr":"3B8001"})");
  const auto session = must(device.client.open_session("c"));
  CHECK(session.id == "s-1");
  CHECK(session.token == "secret");
  CHECK(session.card == "c");
  CHECK(session.label == "L");
  CHECK(session.atr == *from_hex("3B8001"));
  CHECK(device.wire.requests.at(1).body == R"({"card":"c"})");
  CHECK(device.wire.requests.at(1).content_type == kJson);
  for (const char* body : {R"({"id":"../x","token":"t","atr":"3B"})", R"({"id":"s","token":"t","atr":"3"})",
                           R"({"id":"s","token":"","atr":"3B"})", R"({"id":"s","token":"t"})", "null"}) {
    CAPTURE(body);
    device.wire.answer(201, body);
    CHECK_FAILS(device.client.open_session("c"), Errc::corrupt, "the server's reply is not what was agreed");
  }
}

TEST_CASE("client: where PIN logins are bound to a connection that has no name, there is no session") {
  constexpr auto kBound =
      R"({"id":"s-1","token":"secret","card":"c","label":"L","atr":"3B8001","channel_binding":"require"})";
  Device device;
  device.wire.grant("T");
  device.wire.answer(201, kBound);
  device.wire.answer(204, "");
  CHECK_FAILS(device.client.open_session("c"), Errc::denied,
              "this server binds PIN logins to the TLS connection (channel_binding = \"require\"), whose "
              "name this system "
              "does not tell");
  CHECK(device.wire.requests.back().method == "DELETE");
  CHECK(device.wire.requests.back().path == "/v1/card-sessions/s-1");

  device.wire.replies.emplace_back(HttpReply{201, kJson, kBound, Bytes(32, 1)});
  CHECK(must(device.client.open_session("c")).channel_binding);
}

std::string text(const Bytes& octets) {
  return {octets.begin(), octets.end()};
}

TEST_CASE("client: an exchange goes out once, in binary, with the session's token only") {
  Device device;
  const Exchange exchange{3, {CommandStep{{0x00, 0xA4}}}};
  const ExchangeReply reply{3, {StepResult{{0x90, 0x00}, true, {}}}};
  device.wire.answer(200, text(encode(reply)), kExchangeMediaType);
  CHECK(must(device.client.exchange(kSession, exchange)) == reply);
  REQUIRE(device.wire.requests.size() == 1);
  const auto& request = device.wire.requests[0];
  CHECK(request.method == "POST");
  CHECK(request.path == "/v1/card-sessions/s-1/exchange");
  CHECK(request.content_type == kExchangeMediaType);
  CHECK(request.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Authorization", "CardeaSession secret"}});
  CHECK(request.body == text(encode(exchange)));
}

TEST_CASE("client: a reply to another exchange is not taken for this one's") {
  Device device;
  const Exchange exchange{3, {CommandStep{{0x00, 0xA4}}}};
  const auto refused = [&](const std::string& body, const char* type) {
    device.wire.answer(200, body, type);
    CHECK_FAILS(device.client.exchange(kSession, exchange), Errc::corrupt,
                "the server's reply is not what was agreed");
  };
  refused(text(encode(ExchangeReply{2, {StepResult{}}})), kExchangeMediaType);
  refused(text(encode(ExchangeReply{3, {}})), kExchangeMediaType);
  refused(text(encode(ExchangeReply{3, {StepResult{}, StepResult{}}})), kExchangeMediaType);
  refused(text(encode(ExchangeReply{3, {StepResult{}}})), "text/html");
  refused("garbage", kExchangeMediaType);
}

TEST_CASE("client: an exchange is never repeated by itself") {
  Device device;
  const Exchange exchange{1, {ResetStep{}}};
  CHECK_FAILS(device.client.exchange(kSession, exchange), Errc::unavailable, "nobody there");
  CHECK(device.wire.requests.size() == 1);
  device.wire.answer(401, "", "");
  CHECK_FAILS(device.client.exchange(kSession, exchange), Errc::denied,
              "the server answered with status 401");
  CHECK(device.wire.requests.size() == 2);
}

TEST_CASE("client: closing a session") {
  Device device;
  device.wire.answer(204, "", "");
  CHECK(device.client.close_session(kSession).has_value());
  CHECK(device.wire.requests.at(0).method == "DELETE");
  CHECK(device.wire.requests.at(0).path == "/v1/card-sessions/s-1");
  CHECK(header(device.wire.requests.at(0), "Authorization") == "CardeaSession secret");
  auto odd = kSession;
  odd.id = "a/../b";
  CHECK_FAILS(device.client.close_session(odd), Errc::not_found, "there is no such card session");
}

TEST_CASE("client: what each status means [RFC9457#3]") {
  const auto error = [](int status, const char* body, const char* type = "application/problem+json") {
    Device device;
    device.wire.answer(status, body, type);
    const auto closed = device.client.close_session(kSession);
    REQUIRE_FALSE(closed.has_value());
    return closed.error();
  };
  const auto* const detail = R"({"type":"t","title":"Title","status":1,"detail":"Detail."})";
  CHECK(error(400, detail) == Error{Errc::invalid, "Detail."});
  CHECK(error(401, detail) == Error{Errc::denied, "Detail."});
  CHECK(error(403, detail) == Error{Errc::denied, "Detail."});
  CHECK(error(404, detail) == Error{Errc::not_found, "Detail."});
  CHECK(error(409, detail) == Error{Errc::conflict, "Detail."});
  CHECK(error(410, detail) == Error{Errc::not_found, "Detail."});
  CHECK(error(413, detail) == Error{Errc::invalid, "Detail."});
  CHECK(error(429, detail) == Error{Errc::unavailable, "Detail."});
  CHECK(error(500, detail) == Error{Errc::unavailable, "Detail."});
  CHECK(error(503, detail) == Error{Errc::unavailable, "Detail."});
  CHECK(error(302, "") == Error{Errc::invalid, "the server answered with status 302"});
  CHECK(error(404, R"({"title":"Title"})") == Error{Errc::not_found, "Title"});
  CHECK(error(404, detail, "text/html") == Error{Errc::not_found, "the server answered with status 404"});
  CHECK(error(404, "{") == Error{Errc::not_found, "the server answered with status 404"});
  CHECK(error(404, R"({"detail":"a\u001b[31mb\nc"})") == Error{Errc::not_found, "a [31mb c"});
}

}  // namespace
}  // namespace cardea::api

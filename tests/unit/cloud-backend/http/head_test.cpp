#include "head.h"

#include <doctest/doctest.h>

#include <string>

using namespace cardea::http;

namespace {

struct Parsed {
  HeadState state = HeadState::bad;
  Request request;
  Head head;
  Refusal refusal;
};

Parsed parse(const std::string& text) {
  Parsed p;
  std::size_t scanned = 0;
  p.state = read_head(text, scanned, p.request, p.head, p.refusal);
  return p;
}

/// Status that a request is refused with; 0 when it is not.
int refused(const std::string& text) {
  const auto p = parse(text);
  CHECK(p.state != HeadState::incomplete);
  return p.state == HeadState::bad ? p.refusal.status : 0;
}

const std::string kHost = "Host: h\r\n";

}  // namespace

TEST_CASE("head: request line, headers and the size of the body [RFC9112#3]") {
  const std::string text =
      "POST /a/b?c=d HTTP/1.1\r\nhOST: h:1\r\nX-A: \t v w \r\nContent-Length: 12\r\n\r\nrest";
  const auto p = parse(text);
  REQUIRE(p.state == HeadState::complete);
  CHECK(p.request.method == "POST");
  CHECK(p.request.path == "/a/b");
  CHECK(p.request.query == "c=d");
  CHECK(p.request.header("host") == "h:1");
  CHECK(p.request.header("x-a") == "v w");
  CHECK(p.request.header("missing").empty());
  CHECK(p.head.body_size == 12);
  CHECK(p.head.size == text.size() - 4);
  CHECK_FALSE(p.head.close);
}

TEST_CASE("head: it may come an octet at a time") {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  std::size_t scanned = 0;
  Request request;
  Head head;
  Refusal refusal;
  for (std::size_t n = 1; n < text.size(); ++n) {
    REQUIRE(read_head(std::string_view{text}.substr(0, n), scanned, request, head, refusal) ==
            HeadState::incomplete);
  }
  CHECK(read_head(text, scanned, request, head, refusal) == HeadState::complete);
}

TEST_CASE("head: what is not HTTP/1.x is refused [RFC9112#3]") {
  CHECK(refused("garbage\r\n\r\n") == 400);
  CHECK(refused("\r\n\r\n") == 400);
  CHECK(refused("GET  / HTTP/1.1\r\n" + kHost + "\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1 \r\n" + kHost + "\r\n") == 505);
  CHECK(refused("GET / HTTP/2.0\r\n" + kHost + "\r\n") == 505);
  CHECK(refused("GET / FTP/1.1\r\n" + kHost + "\r\n") == 400);
  CHECK(refused("GET http://h/ HTTP/1.1\r\n" + kHost + "\r\n") == 400);
  CHECK(refused("GET /\x01 HTTP/1.1\r\n" + kHost + "\r\n") == 400);
  CHECK(refused("G(T / HTTP/1.1\r\n" + kHost + "\r\n") == 400);
  CHECK(refused("GET /" + std::string(2048, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n") == 414);
}

TEST_CASE("head: headers that two readers could read differently are refused [RFC9112#5,6]") {
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "A : b\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "A: b\r\n folded\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "no colon\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "A: b\rc\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "A: b\nC: d\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n") == 400);
  for (const auto* length : {"", "-1", "+1", "0x1", "1 1", "1,1", "9999999999999999999"}) {
    CAPTURE(length);
    CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "Content-Length: " + length + "\r\n\r\n") == 400);
  }
  CHECK(refused("POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n") == 411);
  CHECK(refused("POST / HTTP/1.1\r\n" + kHost + "Expect: miracles\r\n\r\n") == 417);
}

TEST_CASE("head: limits") {
  std::string many = "GET / HTTP/1.1\r\n" + kHost;
  for (int i = 0; i < 63; ++i)
    many += "A: b\r\n";
  CHECK(refused(many + "\r\n") == 0);
  CHECK(refused(many + "A: b\r\n\r\n") == 431);
  CHECK(refused("GET / HTTP/1.1\r\n" + kHost + "A: " + std::string(33'000, 'a')) == 431);
  CHECK(refused(std::string(40'000, '\0')) == 431);
}

TEST_CASE("head: whether the connection stays [RFC9112#9.3]") {
  CHECK(parse("GET / HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n").head.close);
  CHECK(parse("GET / HTTP/1.0\r\n\r\n").head.close);
  CHECK_FALSE(parse("GET / HTTP/1.0\r\n" + kHost + "Connection: Keep-Alive\r\n\r\n").head.close);
}

TEST_CASE("message: decoding") {
  CHECK(percent_decoded("a%20b+c%2", false) == "a b+c%2");
  CHECK(percent_decoded("a%20b+c%zz", true) == "a b c%zz");
  CHECK(form_value("a=1&b=%32+x&a=3&c", "a") == "1");
  CHECK(form_value("a=1&b=%32+x&a=3&c", "b") == "2 x");
  CHECK(form_value("a=1&c", "c").empty());
  CHECK(form_value("", "a").empty());
}

TEST_CASE(
    "head: HTTP/1.1 names a host whether or not the connection stays; HTTP/1.0 need not [RFC9112#3.2]") {
  CHECK(refused("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.1\r\nConnection: close\r\n\r\n") == 400);
  CHECK(refused("GET / HTTP/1.0\r\n\r\n") == 0);
  CHECK(refused("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == 0);
}

#include <doctest/doctest.h>

#include "http_message.h"
#include "tokens.h"

namespace cardea::api {
namespace {

using test::must;

/// The reply in these octets, fed in pieces of `step`; an error when they are not exactly one.
Result<HttpReply> read(std::string_view octets, std::size_t step, bool to_head = false) {
  ReplyReader reader{to_head};
  bool complete = false;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    CARDEA_TRY(complete, reader.feed(octets.substr(at, step)));
  }
  if (!complete) {
    CARDEA_CHECK(reader.end());
  }
  return reader.take();
}
Result<HttpReply> read(std::string_view octets) {
  return read(octets, octets.size());
}

TEST_CASE("reply: the same however the octets are cut [RFC9112#6.3] [RFC9112#7.1]") {
  for (const std::string_view octets :
       {"HTTP/1.1 201 Created\r\ncontent-TYPE:\t a/b \r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 201 \r\nContent-Type: a/b\r\nTransfer-Encoding: "
        "Chunked\r\n\r\n2\r\nhe\r\n03;x=\"y\"\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 201 x\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: "
        "b\r\n\r\n",
        "HTTP/1.1 201 x\r\nContent-Type: a/b\r\n\r\nhello"}) {
    CAPTURE(octets);
    for (std::size_t step = 1; step <= octets.size(); ++step) {
      const auto reply = must(read(octets, step));
      CHECK(reply.status == 201);
      CHECK(reply.content_type == "a/b");
      CHECK(reply.body == "hello");
    }
  }
}

TEST_CASE("reply: some have no body whatever their headers say [RFC9112#6.3]") {
  CHECK(must(read("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")).body.empty());
  CHECK(must(read("HTTP/1.1 304 x\r\n\r\n")).body.empty());
  CHECK(must(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).body.empty());
  CHECK(must(read("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 7, true)).body.empty());
}

TEST_CASE("reply: whether the connection may be used again") {
  const auto keeps = [](std::string_view octets) {
    ReplyReader reader;
    REQUIRE(must(reader.feed(octets)));
    return reader.keep_alive();
  };
  CHECK(keeps("HTTP/1.1 204 x\r\n\r\n"));
  CHECK(keeps("HTTP/1.1 204 x\r\nConnection: keep-alive\r\n\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1 204 x\r\nConnection: Close\r\n\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1 204 x\r\nConnection: x , close\r\n\r\n"));
}

TEST_CASE("reply: what is malformed is refused, not guessed at") {
  for (const std::string_view octets :
       {"HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "HTTP/1.1 600 x\r\n\r\n",
        "HTTP/1.1  200 x\r\n\r\n",
        "HTTP/1.1 +20 x\r\n\r\n",
        "http/1.1 200 x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"}) {
    CAPTURE(octets);
    CHECK_FAILS(read(octets), Errc::corrupt, "what the server sent is not HTTP/1.1");
  }
}

TEST_CASE("reply: limits") {
  constexpr auto kTooLarge = "what the server sent is larger than any reply of it can be";
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  CHECK_FAILS(read(ok + "A: " + std::string(kMaxReplyHead, 'a') + "\r\n\r\n"), Errc::exhausted, kTooLarge);
  CHECK_FAILS(read(std::string(kMaxReplyHead + 1, 'a')), Errc::exhausted, kTooLarge);
  CHECK_FAILS(read(ok + "Content-Length: 16777217\r\n\r\n"), Errc::exhausted, kTooLarge);
  CHECK_FAILS(read(chunked + "1000001\r\n"), Errc::exhausted, kTooLarge);
  CHECK_FAILS(read(chunked + "1;" + std::string(300, 'x') + "\r\n"), Errc::exhausted, kTooLarge);
  const std::string half(8U << 20U, 'h');
  const auto chunk = "800000\r\n" + half + "\r\n";
  CHECK(must(read(chunked + chunk + chunk + "0\r\n\r\n")).body.size() == kMaxReplyBody);
  CHECK_FAILS(read(chunked + chunk + chunk + "1\r\nx\r\n0\r\n\r\n"), Errc::exhausted, kTooLarge);
  CHECK(must(read(ok + "\r\n" + half + half)).body.size() == kMaxReplyBody);
  CHECK_FAILS(read(ok + "\r\n" + half + half + "x"), Errc::exhausted, kTooLarge);
  std::string trailers = chunked + "0\r\n";
  for (int i = 0; i < 200; ++i)
    trailers += "A: " + std::string(100, 't') + "\r\n";
  CHECK_FAILS(read(trailers), Errc::exhausted, kTooLarge);
}

}  // namespace
}  // namespace cardea::api

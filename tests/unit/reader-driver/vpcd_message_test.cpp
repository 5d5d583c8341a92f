// vpcd's wire: messages put together from pieces, what they mean, and where a reader may be.
#include <doctest/doctest.h>

#include <algorithm>

#include "cardea/hex.h"
#include "cardea/vpcd/endpoint.h"
#include "cardea/vpcd/message.h"

using namespace cardea;
using namespace cardea::literals;
using Kind = vpcd::Message::Kind;

namespace {

/// All messages in `octets`, which arrive in pieces of `step`; `rest` says whether one is unfinished.
std::vector<vpcd::Message> assembled(BytesView octets, std::size_t step, bool& rest) {
  vpcd::Assembler assembler;
  std::vector<vpcd::Message> out;
  while (!octets.empty()) {
    const auto room = assembler.room();
    REQUIRE(!room.empty());
    const auto count = std::min({room.size(), octets.size(), step});
    std::copy_n(octets.begin(), count, room.begin());
    octets = octets.subspan(count);
    if (auto message = assembler.filled(count)) out.push_back(std::move(*message));
  }
  rest = assembler.in_the_middle();
  return out;
}

}  // namespace

TEST_CASE("vpcd: one octet is for the power supply, all else is a command (vsmartcard's doc/api.txt)") {
  CHECK(vpcd::interpret({0x00}).kind == Kind::power_off);
  CHECK(vpcd::interpret({0x01}).kind == Kind::power_on);
  CHECK(vpcd::interpret({0x02}).kind == Kind::reset);
  CHECK(vpcd::interpret({0x04}).kind == Kind::get_atr);
  for (const auto& payload : {Bytes{}, Bytes{0x03}, Bytes{0x05}, Bytes{0xFF}, Bytes{0x00, 0x00}}) {
    const auto message = vpcd::interpret(payload);
    CHECK(message.kind == Kind::command);
    CHECK(message.command == payload);
  }
}

TEST_CASE("vpcd: messages come whole, however they are cut") {
  const auto stream = to_bytes("0001 01  0001 04  0004 00A40400  0000  0002 9000  0001 00"_hex);
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    bool rest = true;
    const auto messages = assembled(stream, step, rest);
    CHECK_FALSE(rest);
    REQUIRE(messages.size() == 6);
    CHECK(messages[0].kind == Kind::power_on);
    CHECK(messages[1].kind == Kind::get_atr);
    CHECK(to_hex(messages[2].command) == "00A40400");
    CHECK((messages[3].kind == Kind::command && messages[3].command.empty()));
    CHECK(to_hex(messages[4].command) == "9000");
    CHECK(messages[5].kind == Kind::power_off);
  }
}

TEST_CASE("vpcd: a message that is cut off is none, and is known to have begun") {
  const auto stream = to_bytes("0005 00A4040000"_hex);
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    bool rest = false;
    CHECK(assembled(BytesView{stream}.first(cut), 3, rest).empty());
    CHECK(rest);
  }
}

TEST_CASE("vpcd: the longest message has 65535 octets") {
  auto stream = to_bytes("FFFF"_hex);
  append(stream, Bytes(65535, 0xAA));
  bool rest = true;
  const auto messages = assembled(stream, 1000, rest);
  CHECK_FALSE(rest);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].command == Bytes(65535, 0xAA));
}

TEST_CASE("vpcd: an answer is its length and itself") {
  CHECK(to_hex(vpcd::encode("9000"_hex)) == "00029000");
  const auto longest = vpcd::encode(Bytes(65535, 0x55));
  CHECK(longest.size() == 65537);
  CHECK(to_hex(BytesView{longest}.first(3)) == "FFFF55");
}

TEST_CASE("vpcd: where the reader is") {
  using vpcd::Endpoint;
  CHECK(vpcd::parse_endpoint("127.0.0.1") == Endpoint{"127.0.0.1", 35963});
  CHECK(vpcd::parse_endpoint("localhost:35964") == Endpoint{"127.0.0.1", 35964});
  CHECK(vpcd::parse_endpoint("reader.example:1") == Endpoint{"reader.example", 1});
  CHECK(vpcd::parse_endpoint("[::1]:65535") == Endpoint{"::1", 65535});
  CHECK(vpcd::parse_endpoint("[::1]") == Endpoint{"::1", 35963});
  CHECK(vpcd::to_text({"::1", 7}) == "[::1]:7");
  CHECK(vpcd::to_text({"127.0.0.1", 7}) == "127.0.0.1:7");
  for (const auto* text : {"", ":", ":1", "h:", "h:0", "h:65536", "h:-1", "h:+1", "h:1x", "::1", "[::1",
                           "[]:1", "[::1]1", "http://h", "a b", "h:99999999999"}) {
    CAPTURE(text);
    const auto refused = vpcd::parse_endpoint(text);
    REQUIRE(!refused);
    CHECK(refused.error().code == Errc::invalid);
  }
}

TEST_CASE("vpcd: loopback is an address of this machine's own, written out; a name is not") {
  for (const auto* host : {"127.0.0.1", "127.255.3.4", "::1"})
    CHECK(vpcd::on_loopback({host, 1}));
  for (const auto* host :
       {"128.0.0.1", "10.0.0.1", "0.0.0.0", "127.0.0", "127.0.0.1.1", "127.0.0.256", "127.0.0.x", "127..0.1",
        "127.0.0.", "127.example", "::", "::2", "::ffff:127.0.0.1", "host"}) {
    CAPTURE(host);
    CHECK_FALSE(vpcd::on_loopback({host, 1}));
  }
}

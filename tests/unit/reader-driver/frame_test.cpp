#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "cardea/hex.h"
#include "cardea/link/frame.h"
#include "cardea/link/socket.h"

using namespace cardea;
using namespace cardea::literals;
using link::FrameType;

namespace {
constexpr auto kAtr = "3B 87 80 01 43 61 72 64 65 61 30 06"_hex;
}

TEST_CASE("a frame is length, type, number, payload") {
  CHECK(to_hex(link::encode(FrameType::transmit, "00 A4 04 00"_hex, 0x01020304)) ==
        "00000009130102030400A40400");
  CHECK(to_hex(link::encode(FrameType::reset, {})) == "000000051100000000");
}

TEST_CASE("frames are taken one by one, and only when they are whole") {
  const auto one = link::encode(FrameType::transmit, "00 A4 04 00"_hex, 0xFFFFFFFE);
  for (std::size_t cut = 0; cut < one.size(); ++cut) {
    Bytes part(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(cut));
    const auto taken = link::take_frame(part);
    REQUIRE(taken.has_value());
    CHECK(!taken->has_value());
    CHECK(part.size() == cut);
  }
  Bytes two = concat({one, link::encode(FrameType::power_off, {})});
  const auto first = link::take_frame(two);
  REQUIRE((first && *first));
  CHECK((*first)->type == FrameType::transmit);
  CHECK(to_hex((*first)->payload) == "00A40400");
  CHECK((*first)->number == 0xFFFFFFFE);
  const auto second = link::take_frame(two);
  REQUIRE((second && *second));
  CHECK((*second)->type == FrameType::power_off);
  CHECK(two.empty());
}

TEST_CASE("the largest command fits; one octet more is refused from its length alone") {
  auto largest = link::encode(FrameType::transmit, Bytes(65544, 0xAA));
  const auto taken = link::take_frame(largest);
  REQUIRE((taken && *taken));
  CHECK((*taken)->payload.size() == 65544);
  for (const auto* text : {"00000000", "00000004", "0001000E", "FFFFFFFF"}) {
    auto octets = *from_hex(text);
    const auto refused = link::take_frame(octets);
    REQUIRE(!refused);
    CHECK(refused.error().code == Errc::invalid);
  }
}

TEST_CASE("an unknown type is refused as soon as it is seen") {
  Bytes octets = to_bytes("00 00 10 00 7F"_hex);
  REQUIRE(!link::take_frame(octets));
}

TEST_CASE("a hello says version, ATR and label") {
  const link::Hello hello{link::kProtocolVersion, to_bytes(kAtr), "badge"};
  CHECK(to_hex(link::encode(hello)) ==
        "010C3B8780014361726465613006"
        "6261646765");
  const auto read = link::parse_hello(link::encode(hello));
  REQUIRE(read);
  CHECK(*read == hello);
}

TEST_CASE("a hello that is cut off, overlong or without a proper ATR is refused") {
  const auto good = link::encode(link::Hello{link::kProtocolVersion, to_bytes(kAtr), ""});
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    CHECK(!link::parse_hello(BytesView{good}.first(cut)));
  }
  CHECK(!link::parse_hello(
      link::encode(link::Hello{link::kProtocolVersion, to_bytes(kAtr), std::string(256, 'x')})));
  CHECK(!link::parse_hello(link::encode(link::Hello{link::kProtocolVersion, Bytes(200, 0x3B), ""})));
}

TEST_CASE("of another protocol version only the version is judged") {
  const auto read = link::parse_hello("02 02 00 00"_hex);
  REQUIRE(read);
  CHECK(read->version == 2);
}

TEST_CASE("a channel tells whether something has arrived, without taking it") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  link::Channel here{link::Descriptor{ends[0]}};
  std::optional<link::Channel> there;
  there.emplace(link::Descriptor{ends[1]});
  constexpr std::chrono::milliseconds kNow{0};
  constexpr std::chrono::seconds kLong{20};
  CHECK_FALSE(here.wait_readable(kNow));
  REQUIRE(there->send(link::FrameType::power_on));
  REQUIRE(there->send(link::FrameType::reset));
  CHECK(here.wait_readable(kLong));
  CHECK(here.receive()->type == link::FrameType::power_on);
  CHECK(here.wait_readable(kNow));  // the second one is in the buffer by now
  CHECK(here.receive()->type == link::FrameType::reset);
  CHECK_FALSE(here.wait_readable(kNow));
  there.reset();
  CHECK(here.wait_readable(kLong));  // its end is news too
  CHECK_FALSE(here.receive());
}

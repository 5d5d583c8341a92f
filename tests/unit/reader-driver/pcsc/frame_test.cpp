#include "cardea/pcsc_link/frame.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::pcsc_link;

TEST_CASE("A frame is length, type, number, payload [A2]") {
  CHECK(to_hex(encode(Frame{FrameType::begin, {0, 0, 0, 7}, 258})) == "00000009130000010200000007");
}

TEST_CASE("Frames are taken off the front, however they arrive [A2]") {
  const Frame first{FrameType::transmit, {1, 2, 3}, 1};
  const Frame second{FrameType::readers, {}, 2};
  const auto stream = concat({encode(first), encode(second)});
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    Bytes buffer;
    std::vector<Frame> taken;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      append(buffer, BytesView{stream}.subspan(at, std::min(step, stream.size() - at)));
      while (true) {
        const auto frame = take_frame(buffer);
        REQUIRE(frame.has_value());
        if (!*frame) break;
        taken.push_back(**frame);
      }
    }
    CHECK(taken == std::vector{first, second});
    CHECK(buffer.empty());
  }
}

TEST_CASE("What is no frame is refused before anything is kept of it [A2]") {
  for (const auto* wrong : {"00000004", "00010016", "FFFFFFFF", "0000000500", "00000005FF"}) {
    CAPTURE(wrong);
    auto buffer = *from_hex(wrong);
    const auto frame = take_frame(buffer);
    REQUIRE_FALSE(frame.has_value());
    CHECK(frame.error().code == Errc::invalid);
  }
}

TEST_CASE("The largest command fits, and one octet more does not [A2]") {
  auto buffer = encode(Frame{FrameType::transmit, Bytes(kMaxPayload), 1});
  CHECK(take_frame(buffer)->has_value());
  buffer = encode(Frame{FrameType::transmit, Bytes(kMaxPayload + 1), 1});
  CHECK_FALSE(take_frame(buffer).has_value());
}

// What either end of the link reads: frames in pieces, and the hello in them. What is accepted is written
// again octet for octet, and how the octets are cut makes no difference.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cardea/link/frame.h"

namespace {

using namespace cardea;

void require(bool law) {
  if (!law) std::abort();
}

void check_hello(BytesView payload) {
  const auto hello = link::parse_hello(payload);
  if (!hello) return;
  require(hello->label.size() <= 255);
  require(equal(link::encode(*hello), payload));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView octets{data, size};
  check_hello(octets);
  if (octets.empty()) return 0;
  // The first octet says how the rest arrives.
  const std::size_t step = 1U + octets[0];
  const auto stream = octets.subspan(1);
  Bytes buffer;
  std::size_t arrived = 0;
  std::size_t taken = 0;
  while (true) {
    const auto before = buffer.size();
    const auto frame = link::take_frame(buffer);
    if (!frame) return 0;
    if (!*frame) {
      require(buffer.size() == before);
      if (arrived == stream.size()) return 0;
      const auto piece = stream.subspan(arrived, std::min(step, stream.size() - arrived));
      append(buffer, piece);
      arrived += piece.size();
      continue;
    }
    require((*frame)->payload.size() <= link::kMaxPayload);
    const auto again = link::encode((*frame)->type, (*frame)->payload, (*frame)->number);
    require(equal(again, stream.subspan(taken, again.size())));
    taken += again.size();
    require(taken + buffer.size() == arrived);
    if ((*frame)->type == link::FrameType::hello) check_hello((*frame)->payload);
  }
}

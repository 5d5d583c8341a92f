// What the agent reads from connectors, and what connectors read from it: frames in pieces, and the messages
// in them. What is accepted is written again octet for octet.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cardea/pcsc_link/messages.h"

namespace {

using namespace cardea;
using namespace cardea::pcsc_link;

void require(bool law) {
  if (!law) std::abort();
}

void check_request(const Frame& frame) {
  auto copy = frame;
  const auto request = parse_request(copy);
  if (!request) return;
  require(type_of(*request) == frame.type);
  require(encode(*request) == frame.payload);
}

template <class Value>
void check_reply(BytesView payload) {
  Value value;
  const auto code = parse_reply(payload, value);
  if (code) require(equal(encode_reply(*code, value), payload));
}

void check_replies(BytesView payload) {
  if (const auto code = parse_reply(payload)) require(equal(encode_reply(*code), payload));
  check_reply<Connected>(payload);
  check_reply<ReaderRecord>(payload);
  check_reply<Transmitted>(payload);
  check_reply<ReaderList>(payload);
  Bytes answer;
  if (const auto code = parse_reply(payload, answer))
    require(equal(encode_reply(*code, BytesView{answer}), payload));
}

void check_greetings(BytesView payload) {
  const auto hello = parse_hello(payload);
  if (hello && hello->version == kProtocolVersion) require(equal(encode(*hello), payload));
  if (const auto welcome = parse_welcome(payload)) require(equal(encode(*welcome), payload));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView octets{data, size};
  check_greetings(octets);
  check_replies(octets);
  if (octets.empty()) return 0;
  // The first octet says how the rest arrives.
  const std::size_t step = 1U + octets[0];
  const auto stream = octets.subspan(1);
  Bytes buffer;
  std::size_t arrived = 0;
  std::size_t taken = 0;
  while (true) {
    const auto frame = take_frame(buffer);
    if (!frame) return 0;
    if (!*frame) {
      if (arrived == stream.size()) return 0;
      const auto piece = stream.subspan(arrived, std::min(step, stream.size() - arrived));
      append(buffer, piece);
      arrived += piece.size();
      continue;
    }
    const auto again = encode(**frame);
    require(equal(again, stream.subspan(taken, again.size())));
    taken += again.size();
    check_request(**frame);
    check_replies((*frame)->payload);
  }
}

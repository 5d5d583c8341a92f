// A card without a server: connects to the driver and answers from a table.
//
//   cardea_fake_agent SOCKET [LABEL]
//
// INS 20: P1-P2 is how many octets of data come back (0000: 65 536). INS 22: the command's length, four
// octets. INS 24: prints "asked" and never answers. INS 26: goes away instead of answering. INS 28: how many
// resets there were, one octet. Everything else: 9000. Prints "inserted" or the driver's refusal; ends when
// the driver goes, with 1 when refused.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cardea/hex.h"
#include "cardea/link/socket.h"

namespace {

using namespace cardea;
using namespace cardea::literals;
using link::FrameType;

constexpr auto kAtr = "3B 87 80 01 43 61 72 64 65 61 30 06"_hex;

Bytes answer_to(const Bytes& command, unsigned resets) {
  Bytes out;
  if (command.at(1) == 0x20) {
    const auto size = static_cast<std::size_t>(read_be(BytesView{command}.subspan(2, 2)));
    out.assign(size == 0 ? 65536 : size, 0x5A);
  } else if (command.at(1) == 0x22) {
    append_be32(out, static_cast<std::uint32_t>(command.size()));
  } else if (command.at(1) == 0x28) {
    out.push_back(static_cast<std::uint8_t>(resets));
  }
  append_be16(out, 0x9000);
  return out;
}

int serve(link::Channel& channel) {
  unsigned resets = 0;
  while (true) {
    const auto frame = channel.receive();
    if (!frame) return 0;
    if (frame->type == FrameType::power_on || frame->type == FrameType::reset) ++resets;
    if (frame->type != FrameType::transmit) continue;
    if (frame->payload.at(1) == 0x24) {
      std::printf("asked\n");
      std::fflush(stdout);
      ::pause();
    }
    if (frame->payload.at(1) == 0x26) return 0;
    if (!channel.send(FrameType::response, answer_to(frame->payload, resets), frame->number)) return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  auto socket = link::connect_to(argv[1]);
  if (!socket) {
    std::fprintf(stderr, "%s\n", socket.error().what.c_str());
    return 3;
  }
  link::Channel channel{std::move(*socket)};
  const link::Hello hello{link::kProtocolVersion, Bytes(kAtr.begin(), kAtr.end()),
                          argc > 2 ? argv[2] : "fake"};
  if (!channel.send(FrameType::hello, link::encode(hello))) return 3;
  const auto reply = channel.receive();
  if (!reply) return 3;
  if (reply->type != FrameType::welcome) {
    std::printf("refused: %s\n", std::string(reply->payload.begin(), reply->payload.end()).c_str());
    return 1;
  }
  std::printf("inserted\n");
  std::fflush(stdout);
  return serve(channel);
}

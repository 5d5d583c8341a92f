#include <algorithm>
#include <string>

#include "cardea/cms/channel.h"
#include "cardea/secret.h"

namespace cardea::cms {

namespace {

constexpr std::size_t kPiece = 255;          // ISO/IEC 7816-4, 5.3.3: the most a short command carries
constexpr std::uint8_t kChainingBit = 0x10;  // CLA bit 5: "not the last command of a chain"
constexpr std::uint8_t kChannelBits = 0x03;
constexpr std::size_t kMaxAnswer = 65536;  // a card that never stops answering 61xx must not fill the memory

Result<apdu::Response> send_one(Channel& channel, const apdu::Command& command) {
  Bytes octets = apdu::encode(command);
  const WipeOnExit wiper{octets};
  CARDEA_TRY(const auto answer, channel.transmit(octets));
  const auto response = apdu::parse_response(answer);
  if (!response) return fail(Errc::corrupt, "the card's answer has no status word");
  return *response;
}

/// Collects what `61xx` announces.
Result<apdu::Response> collect(Channel& channel, std::uint8_t cla, apdu::Response response) {
  while (response.sw.sw1() == 0x61) {
    apdu::Command more;
    // Of the class only the channel: GET RESPONSE belongs to the transport, and is neither chained nor
    // protected where the command was.
    more.cla = static_cast<std::uint8_t>(cla & kChannelBits);
    more.ins = 0xC0;
    more.le = response.sw.sw2() == 0 ? 256U : response.sw.sw2();
    CARDEA_TRY(auto next, send_one(channel, more));
    if (next.data.empty() && next.sw.sw1() == 0x61) {
      return fail(Errc::corrupt, "the card announces more data and sends none");
    }
    append(response.data, next.data);
    response.sw = next.sw;
    if (response.data.size() > kMaxAnswer) return fail(Errc::corrupt, "the card's answer does not end");
  }
  return response;
}

}  // namespace

Result<apdu::Response> exchange(Channel& channel, const apdu::Command& command) {
  apdu::Command piece = command;
  const WipeOnExit wiper{piece.data};
  std::size_t at = 0;
  for (; !command.extended && command.data.size() - at > kPiece; at += kPiece) {
    piece.cla = static_cast<std::uint8_t>(command.cla | kChainingBit);
    piece.data.assign(command.data.begin() + static_cast<std::ptrdiff_t>(at),
                      command.data.begin() + static_cast<std::ptrdiff_t>(at + kPiece));
    piece.le.reset();
    CARDEA_TRY(const auto answer, send_one(channel, piece));
    if (answer.sw != apdu::sw::kOk) return answer;
  }
  piece.cla = command.cla;
  piece.data.assign(command.data.begin() + static_cast<std::ptrdiff_t>(at), command.data.end());
  piece.le = command.le;

  CARDEA_TRY(auto answer, send_one(channel, piece));
  if (answer.sw.sw1() == 0x6C) {
    piece.le = answer.sw.sw2() == 0 ? 256U : answer.sw.sw2();
    CARDEA_TRY(auto again, send_one(channel, piece));
    answer = again;
  }
  return collect(channel, command.cla, std::move(answer));
}

}  // namespace cardea::cms

// What is behind a secure channel: any commands, protected as a host protects them, to the card manager or to
// PIV. The parsers of PUT KEY, STORE DATA, INSTALL, GET STATUS and of PIV's key elements are reached in no
// other way, since nobody guesses MACs. Each answer has to pass the host's check, and the card keeps its
// invariants.

#include <optional>

#include "cardea/cms/gp/secure_channel.h"
#include "cardea/test/test_card.h"
#include "split.h"

namespace {

using cardea::Bytes;
using cardea::BytesView;
using cardea::Result;
using cardea::apdu::Command;
using cardea::apdu::Response;
using cardea::cms::gp::SecureChannel;

constexpr int kMaxEvents = 100;
/// In place of a command's length: another channel, to the application that the next octet names.
constexpr std::uint16_t kReopen = 0xFFFF;

class Host {
 public:
  void reopen(std::uint8_t how) {
    channel_.reset();
    (void)card_.send((how & 1U) != 0 ? "00A4040005A000000308" : "00A4040005A000000151");
    cardea::cms::gp::Options options;
    options.level = kLevels[(how >> 1U) % std::size(kLevels)];
    options.random = [this](std::size_t size) -> Result<Bytes> { return Bytes(size, ++challenge_); };
    const Bytes key{0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
                    0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F};
    auto opened = SecureChannel::open(
        [this](const Command& command) { return exchange(command); },
        cardea::cms::gp::Keyset::same(cardea::cms::gp::KeyType::aes, cardea::SecretBytes{BytesView{key}}),
        options);
    if (opened) channel_.emplace(*std::move(opened));
  }

  void command(BytesView octets) {
    const auto plain = cardea::apdu::parse_command(octets);
    if (!plain || !channel_ || !channel_->is_open()) return;
    const auto wrapped = channel_->wrap(*plain);
    if (!wrapped) return;
    const auto answer = exchange(*wrapped);
    cardea::fuzz::require(channel_->unwrap(*answer).has_value());
  }

  void finish() { card_.check_invariants(); }

 private:
  static constexpr cardea::cms::gp::SecurityLevel kLevels[] = {
      cardea::cms::gp::SecurityLevel::c_mac, cardea::cms::gp::SecurityLevel::c_mac_c_enc,
      cardea::cms::gp::SecurityLevel::c_mac_r_mac, cardea::cms::gp::SecurityLevel::all};

  Result<Response> exchange(const Command& command) {
    auto response = card_.raw(cardea::apdu::encode(command));
    while (response.sw.sw1() == 0x61) {
      const auto more = card_.send("00C0000000");
      cardea::append(response.data, more.data);
      response.sw = more.sw;
    }
    return response;
  }

  cardea::test::TestCard card_{cardea::test::kNist};
  std::optional<SecureChannel> channel_;
  std::uint8_t challenge_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input{data, size};
  Host host;
  host.reopen(input.octet());
  for (int i = 0; i < kMaxEvents && !input.empty(); ++i) {
    const auto length = input.number();
    if (length == kReopen) {
      host.reopen(input.octet());
    } else {
      host.command(input.take(length));
    }
  }
  host.finish();
  return 0;
}

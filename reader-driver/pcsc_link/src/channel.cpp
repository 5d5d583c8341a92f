#include <array>

#include "cardea/pcsc_link/transport.h"
#include "cardea/secret.h"

namespace cardea::pcsc_link {

Result<void> Channel::send(FrameType type, BytesView payload, std::uint32_t number) {
  const auto head = encode_head(type, payload.size(), number);
  const std::lock_guard lock{sending_};
  return transport_->send(head, payload);
}

Result<Frame> Channel::receive() {
  std::array<std::uint8_t, 16384>
      piece;  // NOLINT(*-member-init): filled by receive; zeroing it would cost on each APDU
  while (true) {
    CARDEA_TRY(auto frame, take_frame(buffer_));
    if (frame) return *std::move(frame);
    CARDEA_TRY(const auto got, transport_->receive(piece));
    const auto arrived = std::span{piece}.first(got);
    append(buffer_, arrived);
    wipe(arrived);  // a PIN may be in it
  }
}

}  // namespace cardea::pcsc_link

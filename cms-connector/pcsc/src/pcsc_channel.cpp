#include "pcsc_channel.h"

#include "cardea/apdu/command.h"

namespace cardea::cms {

Result<std::unique_ptr<Channel>> PcscChannel::open(std::shared_ptr<Context> context,
                                                   const std::string& reader) {
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  const LONG rc = SCardConnect(context->get(), reader.c_str(), SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1,
                               &card, &protocol);
  if (rc != SCARD_S_SUCCESS) return tl::unexpected{pcsc_error(rc, "cannot connect to the card")};
  return std::make_unique<PcscChannel>(std::move(context), card);
}

PcscChannel::~PcscChannel() {
  end();
  // UNPOWER and not LEAVE: the next program must find no verified PIN and no open administration.
  (void)SCardDisconnect(card_, SCARD_UNPOWER_CARD);
}

Result<Bytes> PcscChannel::transmit(BytesView command) {
  Bytes answer(apdu::kMaxResponseSize);
  DWORD size = answer.size();
  const LONG rc =
      SCardTransmit(card_, SCARD_PCI_T1, command.data(), command.size(), nullptr, answer.data(), &size);
  if (rc != SCARD_S_SUCCESS) return tl::unexpected{pcsc_error(rc, "the reader could not pass on a command")};
  // Some drivers report a card that vanished during a command as a success without an answer.
  if (size == 0) return fail(Errc::unavailable, "the card was lost in the middle of a command");
  answer.resize(size);
  return answer;
}

Result<void> PcscChannel::begin() {
  if (in_transaction_) return {};
  if (const LONG rc = SCardBeginTransaction(card_); rc != SCARD_S_SUCCESS) {
    return tl::unexpected{pcsc_error(rc, "cannot reserve the card")};
  }
  in_transaction_ = true;
  return {};
}

void PcscChannel::end() noexcept {
  if (!in_transaction_) return;
  in_transaction_ = false;
  (void)SCardEndTransaction(card_, SCARD_LEAVE_CARD);
}

}  // namespace cardea::cms

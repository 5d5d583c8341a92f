// An IFD handler with one card that is always there and answers everything with a discovery object. What
// pcscd and its client library cost by themselves: no driver can be faster.
extern "C" {
#include <ifdhandler.h>
}
#include <algorithm>
#include <array>
#include <cstdint>

namespace {

constexpr std::array<UCHAR, 12> kAtr{0x3B, 0x87, 0x80, 0x01, 'C', 'a', 'r', 'd', 'e', 'a', '0', 0x06};
constexpr std::array<UCHAR, 22> kAnswer{0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00,
                                        0x10, 0x00, 0x01, 0x00, 0x5F, 0x2F, 0x02, 0x40, 0x00, 0x90, 0x00};

template <class Value>
RESPONSECODE give(const Value& value, PDWORD length, PUCHAR out) {
  if (length == nullptr || out == nullptr || *length < value.size()) return IFD_ERROR_INSUFFICIENT_BUFFER;
  std::ranges::copy(value, out);
  *length = value.size();
  return IFD_SUCCESS;
}

}  // namespace

extern "C" {

RESPONSECODE IFDHCreateChannelByName(DWORD /*Lun*/, LPSTR /*DeviceName*/) {
  return IFD_SUCCESS;
}
RESPONSECODE IFDHCreateChannel(DWORD /*Lun*/, DWORD /*Channel*/) {
  return IFD_SUCCESS;
}
RESPONSECODE IFDHCloseChannel(DWORD /*Lun*/) {
  return IFD_SUCCESS;
}
RESPONSECODE IFDHGetCapabilities(DWORD /*Lun*/, DWORD Tag, PDWORD Length, PUCHAR Value) {
  return Tag == TAG_IFD_ATR ? give(kAtr, Length, Value) : IFD_ERROR_TAG;
}
RESPONSECODE IFDHSetCapabilities(DWORD /*Lun*/, DWORD /*Tag*/, DWORD /*Length*/, PUCHAR /*Value*/) {
  return IFD_NOT_SUPPORTED;
}
RESPONSECODE IFDHSetProtocolParameters(DWORD /*Lun*/, DWORD /*Protocol*/, UCHAR, UCHAR, UCHAR, UCHAR) {
  return IFD_SUCCESS;
}
RESPONSECODE IFDHPowerICC(DWORD /*Lun*/, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  return Action == IFD_POWER_DOWN ? IFD_SUCCESS : give(kAtr, AtrLength, Atr);
}
RESPONSECODE IFDHTransmitToICC(DWORD /*Lun*/, SCARD_IO_HEADER SendPci, PUCHAR /*TxBuffer*/,
                               DWORD /*TxLength*/, PUCHAR RxBuffer, PDWORD RxLength,
                               PSCARD_IO_HEADER RecvPci) {
  if (RecvPci != nullptr) RecvPci->Protocol = SendPci.Protocol;
  return give(kAnswer, RxLength, RxBuffer);
}
RESPONSECODE IFDHControl(DWORD /*Lun*/, DWORD /*Code*/, PUCHAR /*TxBuffer*/, DWORD /*TxLength*/,
                         PUCHAR /*RxBuffer*/, DWORD /*RxLength*/, LPDWORD pdwBytesReturned) {
  if (pdwBytesReturned != nullptr) *pdwBytesReturned = 0;
  return IFD_ERROR_NOT_SUPPORTED;
}
RESPONSECODE IFDHICCPresence(DWORD /*Lun*/) {
  return IFD_ICC_PRESENT;
}

}  // extern "C"

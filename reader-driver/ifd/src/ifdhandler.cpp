// The IFD handler interface of pcsc-lite (ifdhandler.h, version 3.0): shims over Reader. Nothing throws
// across this boundary, and nothing that an application can send makes pcscd end. The header declares C
// functions without saying so.
extern "C" {
#include <ifdhandler.h>
}
#include <syslog.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "reader.h"

namespace {

using namespace cardea;

/// pcscd's logger; resolved when the driver is loaded into pcscd.
void write_log(const std::string& line) {
  ::syslog(LOG_DAEMON | LOG_INFO, "cardea: %s", line.c_str());
}

/// Readers by number: the upper half of a Lun. The lower half is the slot.
class Readers {
 public:
  RESPONSECODE open(DWORD lun, const char* device) {
    const std::lock_guard lock{mutex_};
    auto& entry = entries_[lun >> 16U];
    if (!entry.reader) {
      const auto name = ifd::parse_device_name(device == nullptr ? "" : device);
      auto reader = name ? ifd::Reader::open(*name, write_log) : tl::unexpected{name.error()};
      if (!reader) {
        write_log(reader.error().what);
        entries_.erase(lun >> 16U);
        return IFD_COMMUNICATION_ERROR;
      }
      entry.reader = std::move(*reader);
    }
    ++entry.uses;
    return IFD_SUCCESS;
  }

  RESPONSECODE close(DWORD lun) {
    std::shared_ptr<ifd::Reader> last;  // ends outside the lock
    const std::lock_guard lock{mutex_};
    const auto at = entries_.find(lun >> 16U);
    if (at == entries_.end()) return IFD_COMMUNICATION_ERROR;
    if (--at->second.uses == 0) {
      last = std::move(at->second.reader);
      entries_.erase(at);
    }
    return IFD_SUCCESS;
  }

  /// Null for a reader or a slot that does not exist.
  std::shared_ptr<ifd::Reader> find(DWORD lun) {
    const std::lock_guard lock{mutex_};
    const auto at = entries_.find(lun >> 16U);
    if (at == entries_.end() || !at->second.reader || (lun & 0xFFFFU) >= at->second.reader->slots())
      return nullptr;
    return at->second.reader;
  }

 private:
  struct Entry {
    std::shared_ptr<ifd::Reader> reader;
    unsigned uses = 0;
  };

  std::mutex mutex_;
  std::map<DWORD, Entry> entries_;
};

Readers& readers() {
  static Readers all;
  return all;
}

unsigned slot_of(DWORD lun) {
  return static_cast<unsigned>(lun & 0xFFFFU);
}

/// Runs `body(reader, slot)`; whatever goes wrong becomes a response code.
template <class Body>
RESPONSECODE with_reader(DWORD lun, Body body) noexcept {
  try {
    const auto reader = readers().find(lun);
    if (!reader) return IFD_NO_SUCH_DEVICE;
    return body(*reader, slot_of(lun));
  } catch (...) {
    return IFD_COMMUNICATION_ERROR;
  }
}

/// Copies a value out, as far as the caller's room goes.
RESPONSECODE give(std::span<const std::uint8_t> value, PDWORD length, PUCHAR out) {
  if (length == nullptr || out == nullptr || *length < value.size()) return IFD_ERROR_INSUFFICIENT_BUFFER;
  std::ranges::copy(value, out);
  *length = value.size();
  return IFD_SUCCESS;
}

RESPONSECODE give_octet(std::uint8_t value, PDWORD length, PUCHAR out) {
  return give(std::span{&value, 1}, length, out);
}

template <class T>
RESPONSECODE give_object(const T& value, PDWORD length, PUCHAR out) {
  return give({reinterpret_cast<const std::uint8_t*>(&value), sizeof value}, length,
              out);  // NOLINT(*-reinterpret-cast): C interface
}

// pcscd calls this instead of asking for the card every 400 ms.
RESPONSECODE wait_for_event(DWORD lun, int timeout) {
  return with_reader(lun, [timeout](ifd::Reader& reader, unsigned slot) -> RESPONSECODE {
    reader.wait_for_change(slot, std::chrono::milliseconds{std::max(timeout, 1)});
    return IFD_SUCCESS;
  });
}

RESPONSECODE stop_waiting(DWORD lun) {
  return with_reader(lun, [](ifd::Reader& reader, unsigned slot) -> RESPONSECODE {
    reader.stop_waiting(slot);
    return IFD_SUCCESS;
  });
}

constexpr DWORD kAttrVendorName = 0x00010100;     // SCARD_ATTR_VENDOR_NAME
constexpr DWORD kAttrVendorVersion = 0x00010102;  // SCARD_ATTR_VENDOR_IFD_VERSION: major, minor, build
constexpr DWORD kAttrMaxInput = 0x0007A007;       // SCARD_ATTR_MAXINPUT
constexpr DWORD kAttrIccPresence = 0x00090300;    // SCARD_ATTR_ICC_PRESENCE
constexpr DWORD kAttrAtr = 0x00090303;            // SCARD_ATTR_ATR_STRING
constexpr DWORD kVersion = 0x00010000;
constexpr std::array<std::uint8_t, 6> kVendor{'C', 'a', 'r', 'd', 'e', 'a'};
constexpr DWORD kMaxInput = 65544;

RESPONSECODE capability(ifd::Reader& reader, unsigned slot, DWORD tag, PDWORD length, PUCHAR value) {
  switch (tag) {
    case TAG_IFD_ATR:
    case kAttrAtr: {
      const auto atr = reader.atr(slot);
      return atr ? give(*atr, length, value) : IFD_COMMUNICATION_ERROR;
    }
    case TAG_IFD_SLOTS_NUMBER:
      return give_octet(static_cast<std::uint8_t>(reader.slots()), length, value);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
      return give_octet(ifd::kMaxSlots, length, value);
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOT_THREAD_SAFE:
    case TAG_IFD_POLLING_THREAD_KILLABLE:
      return give_octet(tag == TAG_IFD_POLLING_THREAD_KILLABLE ? 0 : 1, length, value);
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
      return give_object(&wait_for_event, length, value);
    case TAG_IFD_STOP_POLLING_THREAD:
      return give_object(&stop_waiting, length, value);
    case kAttrVendorName:
      return give(kVendor, length, value);
    case kAttrVendorVersion:
      return give_object(kVersion, length, value);
    case kAttrMaxInput:
      return give_object(kMaxInput, length, value);
    case kAttrIccPresence:
      return give_octet(reader.present(slot) ? 2 : 0, length, value);
    default:
      return IFD_ERROR_TAG;
  }
}

}  // namespace

extern "C" {

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
  try {
    return readers().open(Lun, DeviceName);
  } catch (...) {
    return IFD_COMMUNICATION_ERROR;
  }
}

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD /*Channel*/) {
  return IFDHCreateChannelByName(Lun, nullptr);
}

RESPONSECODE IFDHCloseChannel(DWORD Lun) {
  try {
    return readers().close(Lun);
  } catch (...) {
    return IFD_COMMUNICATION_ERROR;
  }
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  return with_reader(
      Lun, [&](ifd::Reader& reader, unsigned slot) { return capability(reader, slot, Tag, Length, Value); });
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD /*Tag*/, DWORD /*Length*/, PUCHAR /*Value*/) {
  return with_reader(Lun, [](ifd::Reader&, unsigned) -> RESPONSECODE { return IFD_ERROR_VALUE_READ_ONLY; });
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR, UCHAR, UCHAR, UCHAR) {
  return with_reader(Lun, [Protocol](ifd::Reader&, unsigned) -> RESPONSECODE {
    // There is no transmission protocol between us and the card: whichever the ATR offers is fine.
    const bool known = Protocol == SCARD_PROTOCOL_T0 || Protocol == SCARD_PROTOCOL_T1;
    return known ? IFD_SUCCESS : IFD_PROTOCOL_NOT_SUPPORTED;
  });
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  return with_reader(Lun, [&](ifd::Reader& reader, unsigned slot) -> RESPONSECODE {
    if (Action == IFD_POWER_DOWN) {
      if (AtrLength != nullptr) *AtrLength = 0;
      (void)reader.power_off(slot);  // a card that is gone has no power either
      return IFD_SUCCESS;
    }
    if (Action != IFD_POWER_UP && Action != IFD_RESET) return IFD_NOT_SUPPORTED;
    const auto atr =
        reader.power_on(slot, Action == IFD_RESET ? link::FrameType::reset : link::FrameType::power_on);
    return atr ? give(*atr, AtrLength, Atr) : IFD_ERROR_POWER_ACTION;
  });
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
  return with_reader(Lun, [&](ifd::Reader& reader, unsigned slot) -> RESPONSECODE {
    if (TxBuffer == nullptr || RxBuffer == nullptr || RxLength == nullptr) return IFD_COMMUNICATION_ERROR;
    const auto response = reader.transmit(slot, {TxBuffer, TxLength});
    if (!response) {
      *RxLength = 0;
      return response.error().code == Errc::not_found ? IFD_ICC_NOT_PRESENT : IFD_COMMUNICATION_ERROR;
    }
    if (RecvPci != nullptr) RecvPci->Protocol = SendPci.Protocol;
    return give(*response, RxLength, RxBuffer);
  });
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR /*TxBuffer*/, DWORD /*TxLength*/,
                         PUCHAR /*RxBuffer*/, DWORD /*RxLength*/, LPDWORD pdwBytesReturned) {
  constexpr DWORD kGetFeatureRequest = 0x42000000 + 3400;  // SCARD_CTL_CODE(3400), PC/SC part 10
  return with_reader(Lun, [&](ifd::Reader&, unsigned) -> RESPONSECODE {
    if (pdwBytesReturned != nullptr) *pdwBytesReturned = 0;
    // No features: an empty list. Everything else is for readers with a PIN pad.
    return dwControlCode == kGetFeatureRequest ? IFD_SUCCESS : IFD_ERROR_NOT_SUPPORTED;
  });
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
  return with_reader(Lun, [](ifd::Reader& reader, unsigned slot) -> RESPONSECODE {
    return reader.present(slot) ? IFD_ICC_PRESENT : IFD_ICC_NOT_PRESENT;
  });
}

}  // extern "C"

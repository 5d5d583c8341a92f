// The C interface of libpcsclite.so.1 (pcsc-lite 1.9): shims over Core. Parameters are judged in the order in
// which pcsc-lite judges them, and where it differs from Windows, this file does as it does. Nothing throws
// across this boundary.
#include <pthread.h>
#include <winscard.h>

#include <array>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "cardea/pcsc_link/remote_session.h"
#include "cardea/pcsc_link/unix_transport.h"
#include "cardea/secret.h"
#include "cardea/winscard/buffers.h"
#include "cardea/winscard/core.h"

namespace {

using namespace cardea;
using winscard::Code;
using winscard::Handle;
namespace code = winscard::code;
namespace attribute = winscard::attribute;

static_assert(sizeof(SCARD_READERSTATE) == 80 && sizeof(SCARD_IO_REQUEST) == 16,
              "the layout that programs were compiled for");

/// pcsc-lite knows one value for two names.
constexpr Code kUnsupportedFeatureHere = 0x8010001F;

LONG to_long(Code value) {
  return static_cast<LONG>(value == code::kUnsupportedFeature ? kUnsupportedFeatureHere : value);
}

/// Runs `body`; whatever goes wrong becomes a code.
template <class Body>
LONG guarded(Body body) noexcept {
  try {
    return to_long(body());
  } catch (const std::bad_alloc&) {
    return to_long(code::kNoMemory);
  } catch (...) {
    return to_long(code::kInternalError);
  }
}

Code open_session(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out) {
  auto transport = pcsc_link::connect_unix(pcsc_link::unix_socket_path());
  if (!transport) return code::kNoService;
  return pcsc_link::RemoteSession::open(*std::move(transport), scope, out);
}

winscard::Core& core();

/// Made at the first call and never destroyed: threads may be in it when the process ends.
winscard::Core& make_core() {
  static auto& made = *new winscard::Core{open_session};
  ::pthread_atfork([] { core().before_fork(); }, [] { core().after_fork_in_parent(); },
                   [] { core().after_fork_in_child(); });
  return made;
}

winscard::Core& core() {
  static auto& the = make_core();
  return the;
}

/// 0, which is no handle, for what cannot be one.
Handle to_handle(LONG value) {
  return value > 0 && value <= 0x7FFFFFFF ? static_cast<Handle>(value) : 0;
}

/// A DWORD of 64 bits for our 32; what does not fit is no valid value of any parameter.
std::uint32_t narrow(DWORD value) {
  return value > 0xFFFFFFFF ? 0xFFFFFFFF : static_cast<std::uint32_t>(value);
}

template <class T>
void set(T* out, T value) {
  if (out != nullptr) *out = value;
}

BytesView view(const void* data, DWORD size) {
  return data == nullptr ? BytesView{} : BytesView{static_cast<const std::uint8_t*>(data), size};
}

/// What pcscd answers with our driver behind it; more is known to the core.
bool answered_by_driver(DWORD id) {
  switch (id) {
    case attribute::kVendorName:
    case attribute::kVendorIfdVersion:
    case attribute::kMaxInput:
    case attribute::kIccPresence:
    case attribute::kAtrString:
    case attribute::kDeviceFriendlyName:
    case attribute::kDeviceSystemName:
      return true;
    default:
      return false;
  }
}

/// The value's octets: numbers are a DWORD of this system, names have a terminator.
Bytes octets_of(DWORD id, const winscard::Attribute& value) {
  if (const auto* number = std::get_if<std::uint32_t>(&value)) {
    const DWORD wide = *number;
    std::array<std::uint8_t, sizeof wide> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i)
      octets[i] = static_cast<std::uint8_t>(wide >> (8U * i));
    return to_bytes(octets);
  }
  auto out = std::get<Bytes>(value);
  if (id == attribute::kDeviceFriendlyName || id == attribute::kDeviceSystemName) out.push_back(0);
  return out;
}

/// The octets that came with a response, as our driver says them to pcscd: the number of the protocol, and
/// not its bit.
DWORD protocol_number(std::uint32_t protocol) {
  switch (protocol) {
    case pcsc_link::protocol::kT0:
      return 0;
    case pcsc_link::protocol::kT1:
      return 1;
    default:
      return protocol;
  }
}

}  // namespace

extern "C" {

const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

LONG SCardEstablishContext(DWORD dwScope, LPCVOID /*pvReserved1*/, LPCVOID /*pvReserved2*/,
                           LPSCARDCONTEXT phContext) {
  return guarded([&]() -> Code {
    if (phContext == nullptr) return code::kInvalidParameter;
    *phContext = 0;
    Handle context = 0;
    const auto outcome = core().establish(narrow(dwScope), context);
    *phContext = context;
    return outcome;
  });
}

LONG SCardReleaseContext(SCARDCONTEXT hContext) {
  return guarded([&] { return core().release(to_handle(hContext)); });
}

LONG SCardIsValidContext(SCARDCONTEXT hContext) {
  return guarded(
      [&] { return core().is_context(to_handle(hContext)) ? code::kSuccess : code::kInvalidHandle; });
}

LONG SCardConnect(SCARDCONTEXT hContext, LPCSTR szReader, DWORD dwShareMode, DWORD dwPreferredProtocols,
                  LPSCARDHANDLE phCard, LPDWORD pdwActiveProtocol) {
  return guarded([&]() -> Code {
    if (phCard == nullptr || pdwActiveProtocol == nullptr) return code::kInvalidParameter;
    *phCard = 0;
    if (szReader == nullptr) return code::kUnknownReader;
    if (std::strlen(szReader) > MAX_READERNAME) return code::kInvalidValue;
    if (!core().is_context(to_handle(hContext))) return code::kInvalidHandle;
    Handle card = 0;
    std::uint32_t active = 0;
    const auto outcome = core().connect(to_handle(hContext), szReader, narrow(dwShareMode),
                                        narrow(dwPreferredProtocols), card, active);
    *phCard = card;
    *pdwActiveProtocol = active;
    return outcome;
  });
}

LONG SCardReconnect(SCARDHANDLE hCard, DWORD dwShareMode, DWORD dwPreferredProtocols, DWORD dwInitialization,
                    LPDWORD pdwActiveProtocol) {
  return guarded([&]() -> Code {
    if (pdwActiveProtocol == nullptr) return code::kInvalidParameter;
    std::uint32_t active = 0;
    const auto outcome = core().reconnect(to_handle(hCard), narrow(dwShareMode), narrow(dwPreferredProtocols),
                                          narrow(dwInitialization), active);
    if (outcome != code::kInvalidHandle) *pdwActiveProtocol = active;
    return outcome;
  });
}

LONG SCardDisconnect(SCARDHANDLE hCard, DWORD dwDisposition) {
  return guarded([&] { return core().disconnect(to_handle(hCard), narrow(dwDisposition)); });
}

LONG SCardBeginTransaction(SCARDHANDLE hCard) {
  return guarded([&] { return core().begin(to_handle(hCard)); });
}

LONG SCardEndTransaction(SCARDHANDLE hCard, DWORD dwDisposition) {
  return guarded([&] { return core().end(to_handle(hCard), narrow(dwDisposition)); });
}

// NOLINTBEGIN(readability-non-const-parameter): the interface has them so, and they are written through
// references
LONG SCardStatus(SCARDHANDLE hCard, LPSTR szReaderName, LPDWORD pcchReaderLen, LPDWORD pdwState,
                 LPDWORD pdwProtocol, LPBYTE pbAtr, LPDWORD pcbAtrLen) {
  return guarded([&]() -> Code {
    DWORD no_name = 0;
    DWORD no_atr = 0;
    auto& name_length = pcchReaderLen == nullptr ? no_name : *pcchReaderLen;
    auto& atr_length = pcbAtrLen == nullptr ? no_atr : *pcbAtrLen;
    const auto name_room = std::exchange(name_length, 0);
    const auto atr_room = std::exchange(atr_length, 0);
    set(pdwState, DWORD{0});
    set(pdwProtocol, DWORD{0});

    winscard::CardStatus status;
    const auto outcome = core().status(to_handle(hCard), status);
    if (outcome != code::kSuccess) return outcome;
    set(pdwState, (DWORD{status.events} << 16U) + status.state);
    set(pdwProtocol, DWORD{status.protocol});
    name_length = name_room;
    atr_length = atr_room;
    // As far as there is room, and both of them whatever becomes of the first.
    const auto name = winscard::give(winscard::with_terminator(status.reader), szReaderName, &name_length,
                                     winscard::TooLong::cut_off);
    const auto atr = winscard::give(std::span<const std::uint8_t>{status.atr}, pbAtr, &atr_length,
                                    winscard::TooLong::cut_off);
    return name != code::kSuccess ? name : atr;
  });
}
// NOLINTEND(readability-non-const-parameter): see above

LONG SCardGetStatusChange(SCARDCONTEXT hContext, DWORD dwTimeout, SCARD_READERSTATE* rgReaderStates,
                          DWORD cReaders) {
  return guarded([&]() -> Code {
    if (rgReaderStates == nullptr && cReaders > 0) return code::kInvalidParameter;
    if (cReaders > winscard::kMaxWatched) return code::kInvalidParameter;
    const std::span<SCARD_READERSTATE> states{rgReaderStates, cReaders};
    std::vector<winscard::Watched> watched;
    for (const auto& state : states) {
      if (state.szReader == nullptr) return code::kInvalidValue;
      watched.push_back(
          {state.szReader, narrow(state.dwCurrentState), narrow(state.dwEventState), std::nullopt});
    }
    const bool nothing_to_do = std::ranges::all_of(
        states, [](const auto& state) { return (state.dwCurrentState & SCARD_STATE_IGNORE) != 0; });
    if (nothing_to_do) return code::kSuccess;

    const auto outcome =
        core().status_change(to_handle(hContext), narrow(dwTimeout), watched, winscard::kPcscliteChanges);
    for (std::size_t i = 0; i < states.size(); ++i) {
      states[i].dwEventState = watched[i].event;
      if (!watched[i].atr) continue;
      const auto atr =
          BytesView{*watched[i].atr}.first(std::min(watched[i].atr->size(), std::size_t{MAX_ATR_SIZE}));
      states[i].cbAtr = atr.size();
      std::ranges::copy(atr, std::begin(states[i].rgbAtr));
    }
    return outcome;
  });
}

LONG SCardCancel(SCARDCONTEXT hContext) {
  return guarded([&] { return core().cancel(to_handle(hContext)); });
}

LONG SCardControl(SCARDHANDLE hCard, DWORD dwControlCode, LPCVOID pbSendBuffer, DWORD cbSendLength,
                  LPVOID pbRecvBuffer, DWORD cbRecvLength, LPDWORD lpBytesReturned) {
  return guarded([&]() -> Code {
    set(lpBytesReturned, DWORD{0});
    if (cbSendLength > MAX_BUFFER_SIZE_EXTENDED) {
      return core().is_card(to_handle(hCard)) ? code::kInsufficientBuffer : code::kInvalidHandle;
    }
    Bytes answer;
    const WipeOnExit wiper{answer};
    const auto outcome =
        core().control(to_handle(hCard), narrow(dwControlCode), view(pbSendBuffer, cbSendLength), answer);
    if (outcome != code::kSuccess) return outcome;
    set(lpBytesReturned, DWORD{answer.size()});
    if (answer.size() > cbRecvLength) return code::kInsufficientBuffer;
    if (pbRecvBuffer != nullptr) std::ranges::copy(answer, static_cast<std::uint8_t*>(pbRecvBuffer));
    return outcome;
  });
}

LONG SCardTransmit(SCARDHANDLE hCard, const SCARD_IO_REQUEST* pioSendPci, LPCBYTE pbSendBuffer,
                   DWORD cbSendLength, SCARD_IO_REQUEST* pioRecvPci, LPBYTE pbRecvBuffer,
                   LPDWORD pcbRecvLength) {
  return guarded([&]() -> Code {
    if (pbSendBuffer == nullptr || pbRecvBuffer == nullptr || pcbRecvLength == nullptr ||
        pioSendPci == nullptr) {
      return code::kInvalidParameter;
    }
    if (!core().is_card(to_handle(hCard))) {
      *pcbRecvLength = 0;
      return code::kInvalidHandle;
    }
    const auto room = *pcbRecvLength;
    if (cbSendLength > MAX_BUFFER_SIZE_EXTENDED) return code::kInsufficientBuffer;
    pcsc_link::Transmitted answer;
    const WipeOnExit wiper{answer.response};
    const auto outcome = core().transmit(to_handle(hCard), narrow(pioSendPci->dwProtocol),
                                         {pbSendBuffer, cbSendLength}, answer);
    *pcbRecvLength = answer.response.size();
    if (outcome != code::kSuccess) return outcome;
    if (answer.response.size() > room) return code::kInsufficientBuffer;
    std::ranges::copy(answer.response, pbRecvBuffer);
    if (pioRecvPci != nullptr) pioRecvPci->dwProtocol = protocol_number(answer.protocol);
    return outcome;
  });
}

LONG SCardListReaderGroups(SCARDCONTEXT hContext, LPSTR mszGroups, LPDWORD pcchGroups) {
  return guarded([&]() -> Code {
    if (!core().is_context(to_handle(hContext))) return code::kInvalidHandle;
    if (pcchGroups == nullptr) return code::kInvalidParameter;
    const auto groups = winscard::multi_string({"SCard$DefaultReaders"});
    return winscard::give(std::span<const char>{groups}, mszGroups, pcchGroups);
  });
}

LONG SCardListReaders(SCARDCONTEXT hContext, LPCSTR /*mszGroups*/, LPSTR mszReaders, LPDWORD pcchReaders) {
  return guarded([&]() -> Code {
    if (pcchReaders == nullptr) return code::kInvalidParameter;
    std::vector<std::string> names;
    const auto outcome = core().list_readers(to_handle(hContext), names);
    if (outcome == code::kInvalidHandle) return outcome;
    if (outcome != code::kSuccess) {
      *pcchReaders = outcome == code::kNoReadersAvailable ? 1 : 0;
      return outcome;
    }
    const auto readers = winscard::multi_string(names);
    return winscard::give(std::span<const char>{readers}, mszReaders, pcchReaders);
  });
}

LONG SCardFreeMemory(SCARDCONTEXT hContext, LPCVOID pvMem) {
  return guarded([&]() -> Code {
    if (!core().is_context(to_handle(hContext))) return code::kInvalidHandle;
    std::free(const_cast<void*>(pvMem));  // NOLINT(*-const-cast): the interface takes it as const
    return code::kSuccess;
  });
}

LONG SCardGetAttrib(SCARDHANDLE hCard, DWORD dwAttrId, LPBYTE pbAttr, LPDWORD pcbAttrLen) {
  return guarded([&]() -> Code {
    if (pcbAttrLen == nullptr) return code::kInvalidParameter;
    const bool allocate = *pcbAttrLen == SCARD_AUTOALLOCATE;
    if (allocate && pbAttr == nullptr) return code::kInvalidParameter;
    if (!allocate && pbAttr == nullptr) *pcbAttrLen = MAX_BUFFER_SIZE;
    if (!allocate && *pcbAttrLen > MAX_BUFFER_SIZE) {
      return core().is_card(to_handle(hCard)) ? code::kInsufficientBuffer : code::kInvalidHandle;
    }
    winscard::Attribute value;
    auto outcome = core().attribute(to_handle(hCard), narrow(dwAttrId), value);
    if (outcome == code::kSuccess && !answered_by_driver(dwAttrId)) outcome = code::kUnsupportedFeature;
    if (outcome == code::kSuccess) {
      const auto octets = octets_of(dwAttrId, value);
      return winscard::give(BytesView{octets}, pbAttr, pcbAttrLen, winscard::TooLong::cut_off);
    }
    if (allocate) {
      *reinterpret_cast<void**>(pbAttr) = nullptr;  // NOLINT(*-reinterpret-cast): SCARD_AUTOALLOCATE
      *pcbAttrLen = 0;
    }
    return outcome;
  });
}

LONG SCardSetAttrib(SCARDHANDLE hCard, DWORD dwAttrId, LPCBYTE pbAttr, DWORD cbAttrLen) {
  return guarded([&]() -> Code {
    if (pbAttr == nullptr || cbAttrLen == 0) return code::kInvalidParameter;
    if (cbAttrLen > MAX_BUFFER_SIZE) {
      return core().is_card(to_handle(hCard)) ? code::kInsufficientBuffer : code::kInvalidHandle;
    }
    return core().set_attribute(to_handle(hCard), narrow(dwAttrId));
  });
}

}  // extern "C"

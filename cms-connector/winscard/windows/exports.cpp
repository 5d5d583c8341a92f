// The functions of winscard.dll that are about contexts, readers and cards: shims over Desk, in the A and W
// forms. Nothing throws across this boundary.
#include <array>
#include <utility>

#include "cardea/secret.h"
#include "dll.h"
#include "output.h"
#include "protocols.h"
#include "text.h"

namespace cardea::winscard {
namespace {

namespace protocol = pcsc_link::protocol;
namespace reader_state = pcsc_link::reader_state;

constexpr DWORD kSmartcardDevice = 0x00310000;  // FILE_DEVICE_SMARTCARD in a control code
constexpr DWORD kPcscliteControl = 0x42000000;

/// Control codes: Windows puts the function number two bits up.
DWORD control_in(DWORD windows) {
  return (windows & 0xFFFF0000) == kSmartcardDevice ? kPcscliteControl + ((windows & 0xFFFF) >> 2U) : windows;
}

/// The features' control codes in an answer to GET_FEATURE_REQUEST (PC/SC part 10, 2.2: tag, length 4, code,
/// big-endian).
void translate_features(Bytes& features) {
  constexpr std::size_t kEntry = 6;
  for (std::size_t at = 0; at + kEntry <= features.size(); at += kEntry) {
    const auto code = static_cast<DWORD>(read_be(BytesView{features}.subspan(at + 2, 4)));
    Bytes translated;
    append_be32(translated, kSmartcardDevice | ((code - kPcscliteControl) << 2U));
    std::ranges::copy(translated, features.begin() + static_cast<std::ptrdiff_t>(at) + 2);
  }
}

/// SCardStatus of Windows counts; a card whose protocol is settled is SCARD_SPECIFIC.
DWORD status_out(std::uint32_t bits, std::uint32_t active) {
  const bool powered = (bits & (reader_state::kNegotiable | reader_state::kPowered)) != 0;
  if ((bits & reader_state::kSpecific) != 0 || (powered && active != protocol::kUndefined))
    return SCARD_SPECIFIC;
  if ((bits & reader_state::kNegotiable) != 0) return SCARD_NEGOTIABLE;
  if ((bits & reader_state::kPowered) != 0) return SCARD_POWERED;
  if ((bits & reader_state::kSwallowed) != 0) return SCARD_SWALLOWED;
  if ((bits & reader_state::kPresent) != 0) return SCARD_PRESENT;
  return (bits & reader_state::kAbsent) != 0 ? SCARD_ABSENT : SCARD_UNKNOWN;
}

template <class C>
LONG list_readers(SCARDCONTEXT context, const C* groups, C* readers, DWORD* length) {
  return guarded([&]() -> Code {
    if (length == nullptr) return code::kInvalidParameter;
    std::vector<std::string> names;
    // Without a context, Windows lists all the same: through one of the call's own.
    SCARDCONTEXT own = 0;
    if (context == 0 && desk().establish(SCARD_SCOPE_SYSTEM, own) != code::kSuccess)
      return code::kNoReadersAvailable;
    const Code listed = desk().list_readers(context == 0 ? own : context, multi_in(groups), names);
    if (own != 0) (void)desk().release(own);
    if (listed != code::kSuccess) return listed;
    return give_text(multi_out<C>(names), readers, length);
  });
}

template <class C>
LONG connect(SCARDCONTEXT context, const C* reader, DWORD share, DWORD protocols, SCARDHANDLE* card,
             DWORD* active) {
  return guarded([&]() -> Code {
    if (card == nullptr || active == nullptr || reader == nullptr) return code::kInvalidParameter;
    *card = 0;
    *active = 0;
    return desk().connect(context, text_in(reader), share, protocols, *card, *active);
  });
}

/// A READERSTATE array in and out. State has the A or the W form.
template <class State>
LONG status_change(SCARDCONTEXT context, DWORD timeout, State* states, DWORD count) {
  return guarded([&]() -> Code {
    if (states == nullptr && count > 0) return code::kInvalidParameter;
    const std::span<State> entries{states, count};
    std::vector<Watched> watched(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (entries[i].szReader == nullptr) return code::kInvalidParameter;
      watched[i].name = text_in(entries[i].szReader);
      watched[i].current = entries[i].dwCurrentState;
    }
    const Code result = desk().status_change(context, timeout, watched);
    if (result != code::kSuccess && result != code::kTimeout) return result;
    for (std::size_t i = 0; i < count; ++i) {
      entries[i].dwEventState = watched[i].event;
      if (!watched[i].atr) continue;
      const auto size = std::min(watched[i].atr->size(), sizeof entries[i].rgbAtr);
      std::ranges::fill(entries[i].rgbAtr, BYTE{0});
      std::copy_n(watched[i].atr->begin(), size, std::begin(entries[i].rgbAtr));
      entries[i].cbAtr = static_cast<DWORD>(size);
    }
    return result;
  });
}

template <class C, class Real>
LONG status(SCARDHANDLE card, C* reader, DWORD* length, DWORD* state, DWORD* active, BYTE* atr,
            DWORD* atr_length, Real* real) {
  return guarded([&]() -> Code {
    const auto behind = desk().route(card);
    if (!behind.is_ours()) {
      if (behind.system == 0 || real == nullptr) return code::kInvalidHandle;
      return static_cast<Code>(real(behind.system, reader, length, state, active, atr, atr_length));
    }
    CardStatus now;
    Code result = desk().core().status(behind.ours, now);
    if (result != code::kSuccess) return result;
    set(state, status_out(now.state, now.protocol));
    set(active, protocol_out(now.protocol));
    result = give_text(multi_out<C>({now.reader}), reader, length);
    const Code given = give(std::span<const BYTE>{now.atr}, atr, atr_length);
    return result != code::kSuccess ? result : given;
  });
}

Code transmit(const Desk::Route& behind, const SCARD_IO_REQUEST* send, BytesView command,
              SCARD_IO_REQUEST* receive, BYTE* response, DWORD* length) {
  if (send == nullptr || command.data() == nullptr || response == nullptr || length == nullptr)
    return code::kInvalidParameter;
  pcsc_link::Transmitted got;
  const Code result = desk().core().transmit(behind.ours, protocols_in(send->dwProtocol), command, got);
  if (result != code::kSuccess) return result;
  ++*behind.transmitted;
  if (receive != nullptr) receive->dwProtocol = protocol_out(got.protocol);
  const WipeOnExit wiped{got.response};
  return give(std::span<const BYTE>{got.response}, response, length);
}

Code control(const Desk::Route& behind, DWORD control_code, BytesView input, void* output, DWORD room,
             DWORD* returned) {
  Bytes answer;
  set(returned, DWORD{0});
  const auto ours = control_in(control_code);
  const Code result = desk().core().control(behind.ours, ours, input, answer);
  if (result != code::kSuccess) return result;
  if (ours == pcsc_link::kGetFeatureRequest) translate_features(answer);
  if (answer.size() > room || (output == nullptr && !answer.empty())) return code::kInsufficientBuffer;
  std::ranges::copy(answer, static_cast<BYTE*>(output));
  set(returned, static_cast<DWORD>(answer.size()));
  return code::kSuccess;
}

/// Threads are in this DLL: a program that unloads it must not take the code away from them.
Desk& make_desk() {
  HMODULE self = nullptr;
  // NOLINTNEXTLINE(*-reinterpret-cast): any address in this DLL
  ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       reinterpret_cast<const wchar_t*>(&make_desk), &self);
  return *new Desk{open_session};  // NOLINT(cppcoreguidelines-owning-memory): lives for ever
}

}  // namespace

Desk& desk() {
  static auto& made = make_desk();
  return made;
}

}  // namespace cardea::winscard

// NOLINTBEGIN(readability-identifier-naming,readability-inconsistent-declaration-parameter-name): Windows'
// names
using namespace cardea::winscard;
using cardea::BytesView;

extern "C" {

const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

LONG WINAPI SCardEstablishContext(DWORD scope, LPCVOID, LPCVOID, LPSCARDCONTEXT context) {
  return guarded([&]() -> Code {
    if (context == nullptr) return code::kInvalidParameter;
    *context = 0;
    return desk().establish(scope, *context);
  });
}

LONG WINAPI SCardReleaseContext(SCARDCONTEXT context) {
  return guarded([&] { return desk().release(context); });
}

LONG WINAPI SCardIsValidContext(SCARDCONTEXT context) {
  return desk().is_context(context) ? SCARD_S_SUCCESS : static_cast<LONG>(windows_code::kInvalidHandle);
}

LONG WINAPI SCardListReadersA(SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD length) {
  return list_readers(context, groups, readers, length);
}
LONG WINAPI SCardListReadersW(SCARDCONTEXT context, LPCWSTR groups, LPWSTR readers, LPDWORD length) {
  return list_readers(context, groups, readers, length);
}

LONG WINAPI SCardConnectA(SCARDCONTEXT context, LPCSTR reader, DWORD share, DWORD protocols,
                          LPSCARDHANDLE card, LPDWORD active) {
  return connect(context, reader, share, protocols, card, active);
}
LONG WINAPI SCardConnectW(SCARDCONTEXT context, LPCWSTR reader, DWORD share, DWORD protocols,
                          LPSCARDHANDLE card, LPDWORD active) {
  return connect(context, reader, share, protocols, card, active);
}

LONG WINAPI SCardReconnect(SCARDHANDLE card, DWORD share, DWORD protocols, DWORD initialization,
                           LPDWORD active) {
  return on_card(
      card,
      [&](const Desk::Route& behind) {
        std::uint32_t protocol = 0;
        const Code result =
            desk().core().reconnect(behind.ours, share, protocols_in(protocols), initialization, protocol);
        set(active, protocol_out(protocol));
        return result;
      },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardReconnect);
        return call == nullptr ? kNoSuchFunction : call(real, share, protocols, initialization, active);
      });
}

LONG WINAPI SCardDisconnect(SCARDHANDLE card, DWORD disposition) {
  return guarded([&] { return desk().disconnect(card, disposition); });
}

LONG WINAPI SCardBeginTransaction(SCARDHANDLE card) {
  return on_card(
      card, [&](const Desk::Route& behind) { return desk().core().begin(behind.ours); },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardBeginTransaction);
        return call == nullptr ? kNoSuchFunction : call(real);
      });
}

LONG WINAPI SCardEndTransaction(SCARDHANDLE card, DWORD disposition) {
  return on_card(
      card, [&](const Desk::Route& behind) { return desk().core().end(behind.ours, disposition); },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardEndTransaction);
        return call == nullptr ? kNoSuchFunction : call(real, disposition);
      });
}

LONG WINAPI SCardStatusA(SCARDHANDLE card, LPSTR reader, LPDWORD length, LPDWORD state, LPDWORD active,
                         LPBYTE atr, LPDWORD atr_length) {
  return status(card, reader, length, state, active, atr, atr_length, CARDEA_SYSTEM_FUNCTION(SCardStatusA));
}
LONG WINAPI SCardStatusW(SCARDHANDLE card, LPWSTR reader, LPDWORD length, LPDWORD state, LPDWORD active,
                         LPBYTE atr, LPDWORD atr_length) {
  return status(card, reader, length, state, active, atr, atr_length, CARDEA_SYSTEM_FUNCTION(SCardStatusW));
}

/// The one of Windows 95, without the name of the reader.
LONG WINAPI SCardState(SCARDHANDLE card, LPDWORD state, LPDWORD active, LPBYTE atr, LPDWORD atr_length) {
  return SCardStatusW(card, nullptr, nullptr, state, active, atr, atr_length);
}

LONG WINAPI SCardGetStatusChangeA(SCARDCONTEXT context, DWORD timeout, LPSCARD_READERSTATEA states,
                                  DWORD count) {
  return status_change(context, timeout, states, count);
}
LONG WINAPI SCardGetStatusChangeW(SCARDCONTEXT context, DWORD timeout, LPSCARD_READERSTATEW states,
                                  DWORD count) {
  return status_change(context, timeout, states, count);
}

LONG WINAPI SCardCancel(SCARDCONTEXT context) {
  return guarded([&] { return desk().cancel(context); });
}

LONG WINAPI SCardTransmit(SCARDHANDLE card, LPCSCARD_IO_REQUEST send, LPCBYTE command, DWORD size,
                          LPSCARD_IO_REQUEST receive, LPBYTE response, LPDWORD length) {
  return on_card(
      card,
      [&](const Desk::Route& behind) {
        return transmit(behind, send, BytesView{command, size}, receive, response, length);
      },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardTransmit);
        return call == nullptr ? kNoSuchFunction : call(real, send, command, size, receive, response, length);
      });
}

LONG WINAPI SCardControl(SCARDHANDLE card, DWORD control_code, LPCVOID input, DWORD size, LPVOID output,
                         DWORD room, LPDWORD returned) {
  return on_card(
      card,
      [&](const Desk::Route& behind) {
        const BytesView in =
            input == nullptr ? BytesView{} : BytesView{static_cast<const BYTE*>(input), size};
        return control(behind, control_code, in, output, room, returned);
      },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardControl);
        return call == nullptr ? kNoSuchFunction
                               : call(real, control_code, input, size, output, room, returned);
      });
}

LONG WINAPI SCardFreeMemory(SCARDCONTEXT context, LPCVOID memory) {
  return guarded([&]() -> Code {
    if (memory == nullptr) return code::kInvalidParameter;
    if (free_allocated(memory)) return code::kSuccess;
    const auto call = CARDEA_SYSTEM_FUNCTION(SCardFreeMemory);
    if (call == nullptr) return code::kInvalidParameter;
    return static_cast<Code>(call(desk().system_context(context), memory));
  });
}

LONG WINAPI SCardGetTransmitCount(SCARDHANDLE card, LPDWORD count) {
  using Real = LONG WINAPI(SCARDHANDLE, LPDWORD);
  return on_card(
      card,
      [&](const Desk::Route& behind) {
        set(count, behind.transmitted->load());
        return count == nullptr ? code::kInvalidParameter : code::kSuccess;
      },
      [&](SCARDHANDLE real) {
        auto* const call = SystemWinscard::get()->find<Real>("SCardGetTransmitCount");
        return call == nullptr ? kNoSuchFunction : call(real, count);
      });
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming,readability-inconsistent-declaration-parameter-name)

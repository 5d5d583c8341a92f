// What Windows has beyond PC/SC: looking for cards by their ATR, the cache, where a reader hangs, and the
// event that says that the service is there.
#include <algorithm>
#include <optional>

#include "card_cache.h"
#include "dll.h"
#include "output.h"
#include "text.h"

namespace cardea::winscard {
namespace {

/// ATR bits that count, and what they have to be.
struct AtrPattern {
  Bytes atr;
  Bytes mask;

  [[nodiscard]] bool fits(BytesView other) const {
    if (atr.empty() || other.size() != atr.size()) return false;
    for (std::size_t i = 0; i < atr.size(); ++i) {
      if (((other[i] ^ atr[i]) & mask[i]) != 0) return false;
    }
    return true;
  }
};

std::optional<Bytes> registry_octets(const std::wstring& key, const wchar_t* value) {
  Bytes out(64);
  auto size = static_cast<DWORD>(out.size());
  if (::RegGetValueW(HKEY_LOCAL_MACHINE, key.c_str(), value, RRF_RT_REG_BINARY, nullptr, out.data(), &size) !=
      ERROR_SUCCESS)
    return std::nullopt;
  out.resize(size);
  return out;
}

/// What Windows knows of a type of card by its name.
std::optional<AtrPattern> pattern_of(const std::string& card) {
  const auto key = L"SOFTWARE\\Microsoft\\Cryptography\\Calais\\SmartCards\\" + text_out<wchar_t>(card);
  auto atr = registry_octets(key, L"ATR");
  if (!atr) return std::nullopt;
  auto mask = registry_octets(key, L"ATRMask").value_or(Bytes(atr->size(), 0xFF));
  if (mask.size() != atr->size()) return std::nullopt;
  return AtrPattern{*std::move(atr), std::move(mask)};
}

LONG change(SCARDCONTEXT context, SCARD_READERSTATEA* states, DWORD count) {
  return SCardGetStatusChangeA(context, 0, states, count);
}
LONG change(SCARDCONTEXT context, SCARD_READERSTATEW* states, DWORD count) {
  return SCardGetStatusChangeW(context, 0, states, count);
}

/// The readers as they are, with a mark at those whose card fits one of the patterns.
template <class State>
LONG locate(SCARDCONTEXT context, const std::vector<AtrPattern>& patterns, State* states, DWORD count) {
  const LONG result = change(context, states, count);
  if (result != SCARD_S_SUCCESS && static_cast<Code>(result) != code::kTimeout) return result;
  for (auto& state : std::span<State>{states, count}) {
    const BytesView atr{state.rgbAtr, std::min<std::size_t>(state.cbAtr, sizeof state.rgbAtr)};
    if (std::ranges::any_of(patterns, [&](const auto& pattern) { return pattern.fits(atr); }))
      state.dwEventState |= SCARD_STATE_ATRMATCH;
  }
  return SCARD_S_SUCCESS;
}

template <class C, class State>
LONG locate_by_name(SCARDCONTEXT context, const C* cards, State* states, DWORD count) {
  return guarded([&]() -> Code {
    if (cards == nullptr || states == nullptr) return code::kInvalidParameter;
    std::vector<AtrPattern> patterns;
    for (const auto& name : multi_in(cards)) {
      auto pattern = pattern_of(name);
      if (!pattern) return windows_code::kUnknownCard;
      patterns.push_back(*std::move(pattern));
    }
    return static_cast<Code>(locate(context, patterns, states, count));
  });
}

template <class State>
LONG locate_by_atr(SCARDCONTEXT context, const SCARD_ATRMASK* masks, DWORD mask_count, State* states,
                   DWORD count) {
  return guarded([&]() -> Code {
    if (masks == nullptr || states == nullptr) return code::kInvalidParameter;
    std::vector<AtrPattern> patterns;
    for (const auto& mask : std::span<const SCARD_ATRMASK>{masks, mask_count}) {
      const auto size = std::min<std::size_t>(mask.cbAtr, sizeof mask.rgbAtr);
      patterns.push_back({Bytes{mask.rgbAtr, mask.rgbAtr + size}, Bytes{mask.rgbMask, mask.rgbMask + size}});
    }
    return static_cast<Code>(locate(context, patterns, states, count));
  });
}

CardCache& cache() {
  static auto& made = *new CardCache;  // NOLINT(cppcoreguidelines-owning-memory): lives for ever
  return made;
}

CardCache::CardIdentifier identifier(const UUID& card) {
  CardCache::CardIdentifier out{};
  std::ranges::copy(std::span{static_cast<const std::uint8_t*>(static_cast<const void*>(&card)), out.size()},
                    out.begin());
  return out;
}

template <class C>
LONG read_cache(SCARDCONTEXT context, const UUID* card, DWORD freshness, const C* name, BYTE* data,
                DWORD* length) {
  return guarded([&]() -> Code {
    if (!desk().is_context(context)) return code::kInvalidHandle;
    if (card == nullptr || name == nullptr || length == nullptr) return code::kInvalidParameter;
    Bytes kept;
    const Code result = cache().read(identifier(*card), freshness, text_in(name), kept);
    return result != code::kSuccess ? result : give(std::span<const BYTE>{kept}, data, length);
  });
}

template <class C>
LONG write_cache(SCARDCONTEXT context, const UUID* card, DWORD freshness, const C* name, const BYTE* data,
                 DWORD size) {
  return guarded([&]() -> Code {
    if (!desk().is_context(context)) return code::kInvalidHandle;
    if (card == nullptr || name == nullptr || (data == nullptr && size > 0)) return code::kInvalidParameter;
    return cache().write(identifier(*card), freshness, text_in(name), BytesView{data, size});
  });
}

/// A reader of ours has no device: its name stands for one.
constexpr const char* kDevices = R"(SWD\CARDEA\)";

std::string device_of(const std::string& reader) {
  return kDevices + reader;
}

template <class C, class Real>
LONG device_instance(SCARDCONTEXT context, const C* reader, C* device, DWORD* length, Real* real) {
  return guarded([&]() -> Code {
    if (reader == nullptr || length == nullptr) return code::kInvalidParameter;
    if (!desk().is_context(context)) return code::kInvalidHandle;
    const auto name = text_in(reader);
    if (desk().is_our_reader(context, name))
      return give_text(text_out<C>(device_of(name)) + C{}, device, length);
    const auto there = desk().system_context(context);
    return real == nullptr || there == 0 ? code::kUnknownReader
                                         : static_cast<Code>(real(there, reader, device, length));
  });
}

template <class C, class Real>
LONG readers_of_device(SCARDCONTEXT context, const C* device, C* readers, DWORD* length, Real* real) {
  return guarded([&]() -> Code {
    if (device == nullptr || length == nullptr) return code::kInvalidParameter;
    if (!desk().is_context(context)) return code::kInvalidHandle;
    const auto asked = text_in(device);
    std::vector<std::string> names;
    (void)desk().list_readers(context, {}, names);
    std::erase_if(names, [&](const auto& name) { return device_of(name) != asked; });
    if (!names.empty()) return give_text(multi_out<C>(names), readers, length);
    const auto there = desk().system_context(context);
    return real == nullptr || there == 0 ? code::kNoReadersAvailable
                                         : static_cast<Code>(real(there, device, readers, length));
  });
}

constexpr DWORD kVendorReader = 0xF0;  // SCARD_READER_TYPE_VENDOR

template <class C, class Real>
LONG device_type(SCARDCONTEXT context, const C* reader, DWORD* type, Real* real) {
  return guarded([&]() -> Code {
    if (reader == nullptr || type == nullptr) return code::kInvalidParameter;
    if (!desk().is_context(context)) return code::kInvalidHandle;
    *type = kVendorReader;
    if (desk().is_our_reader(context, text_in(reader))) return code::kSuccess;
    const auto there = desk().system_context(context);
    return real == nullptr || there == 0 ? code::kUnknownReader
                                         : static_cast<Code>(real(there, reader, type));
  });
}

/// Ours have no picture.
template <class C, class Real>
LONG reader_icon(SCARDCONTEXT context, const C* reader, BYTE* icon, DWORD* length, Real* real) {
  return guarded([&]() -> Code {
    if (reader == nullptr || length == nullptr) return code::kInvalidParameter;
    if (!desk().is_context(context)) return code::kInvalidHandle;
    if (desk().is_our_reader(context, text_in(reader))) return code::kUnsupportedFeature;
    const auto there = desk().system_context(context);
    return real == nullptr || there == 0 ? code::kUnknownReader
                                         : static_cast<Code>(real(there, reader, icon, length));
  });
}

template <class Function>
Function* real_function(const char* name) {
  return SystemWinscard::get() == nullptr ? nullptr : SystemWinscard::get()->find<Function>(name);
}

/// An event that is set: what we need is there from the first call on.
HANDLE started_event() {
  static const HANDLE event = ::CreateEventW(nullptr, TRUE, TRUE, nullptr);
  return event;
}

}  // namespace
}  // namespace cardea::winscard

// NOLINTBEGIN(readability-identifier-naming,readability-inconsistent-declaration-parameter-name): Windows'
// names
using namespace cardea::winscard;

extern "C" {

LONG WINAPI SCardLocateCardsA(SCARDCONTEXT context, LPCSTR cards, LPSCARD_READERSTATEA states, DWORD count) {
  return locate_by_name(context, cards, states, count);
}
LONG WINAPI SCardLocateCardsW(SCARDCONTEXT context, LPCWSTR cards, LPSCARD_READERSTATEW states, DWORD count) {
  return locate_by_name(context, cards, states, count);
}
LONG WINAPI SCardLocateCardsByATRA(SCARDCONTEXT context, LPSCARD_ATRMASK masks, DWORD mask_count,
                                   LPSCARD_READERSTATEA states, DWORD count) {
  return locate_by_atr(context, masks, mask_count, states, count);
}
LONG WINAPI SCardLocateCardsByATRW(SCARDCONTEXT context, LPSCARD_ATRMASK masks, DWORD mask_count,
                                   LPSCARD_READERSTATEW states, DWORD count) {
  return locate_by_atr(context, masks, mask_count, states, count);
}

LONG WINAPI SCardReadCacheA(SCARDCONTEXT context, UUID* card, DWORD freshness, LPSTR name, PBYTE data,
                            DWORD* length) {
  return read_cache(context, card, freshness, name, data, length);
}
LONG WINAPI SCardReadCacheW(SCARDCONTEXT context, UUID* card, DWORD freshness, LPWSTR name, PBYTE data,
                            DWORD* length) {
  return read_cache(context, card, freshness, name, data, length);
}
LONG WINAPI SCardWriteCacheA(SCARDCONTEXT context, UUID* card, DWORD freshness, LPSTR name, PBYTE data,
                             DWORD size) {
  return write_cache(context, card, freshness, name, data, size);
}
LONG WINAPI SCardWriteCacheW(SCARDCONTEXT context, UUID* card, DWORD freshness, LPWSTR name, PBYTE data,
                             DWORD size) {
  return write_cache(context, card, freshness, name, data, size);
}

LONG WINAPI SCardGetReaderIconA(SCARDCONTEXT context, LPCSTR reader, LPBYTE icon, LPDWORD length) {
  return reader_icon(context, reader, icon, length,
                     real_function<decltype(SCardGetReaderIconA)>("SCardGetReaderIconA"));
}
LONG WINAPI SCardGetReaderIconW(SCARDCONTEXT context, LPCWSTR reader, LPBYTE icon, LPDWORD length) {
  return reader_icon(context, reader, icon, length,
                     real_function<decltype(SCardGetReaderIconW)>("SCardGetReaderIconW"));
}

LONG WINAPI SCardGetDeviceTypeIdA(SCARDCONTEXT context, LPCSTR reader, LPDWORD type) {
  return device_type(context, reader, type,
                     real_function<decltype(SCardGetDeviceTypeIdA)>("SCardGetDeviceTypeIdA"));
}
LONG WINAPI SCardGetDeviceTypeIdW(SCARDCONTEXT context, LPCWSTR reader, LPDWORD type) {
  return device_type(context, reader, type,
                     real_function<decltype(SCardGetDeviceTypeIdW)>("SCardGetDeviceTypeIdW"));
}

LONG WINAPI SCardGetReaderDeviceInstanceIdA(SCARDCONTEXT context, LPCSTR reader, LPSTR device,
                                            LPDWORD length) {
  return device_instance(
      context, reader, device, length,
      real_function<decltype(SCardGetReaderDeviceInstanceIdA)>("SCardGetReaderDeviceInstanceIdA"));
}
LONG WINAPI SCardGetReaderDeviceInstanceIdW(SCARDCONTEXT context, LPCWSTR reader, LPWSTR device,
                                            LPDWORD length) {
  return device_instance(
      context, reader, device, length,
      real_function<decltype(SCardGetReaderDeviceInstanceIdW)>("SCardGetReaderDeviceInstanceIdW"));
}

LONG WINAPI SCardListReadersWithDeviceInstanceIdA(SCARDCONTEXT context, LPCSTR device, LPSTR readers,
                                                  LPDWORD length) {
  return readers_of_device(context, device, readers, length,
                           real_function<decltype(SCardListReadersWithDeviceInstanceIdA)>(
                               "SCardListReadersWithDeviceInstanceIdA"));
}
LONG WINAPI SCardListReadersWithDeviceInstanceIdW(SCARDCONTEXT context, LPCWSTR device, LPWSTR readers,
                                                  LPDWORD length) {
  return readers_of_device(context, device, readers, length,
                           real_function<decltype(SCardListReadersWithDeviceInstanceIdW)>(
                               "SCardListReadersWithDeviceInstanceIdW"));
}

HANDLE WINAPI SCardAccessStartedEvent(void) {
  return started_event();
}
void WINAPI SCardReleaseStartedEvent(void) {}

/// Not documented; old programs import them. A reader that comes is told of by SCardGetStatusChange.
HANDLE WINAPI SCardAccessNewReaderEvent(void) {
  return started_event();
}
void WINAPI SCardReleaseNewReaderEvent(void) {}
void WINAPI SCardReleaseAllEvents(void) {}

/// The log is the system's; without it there is none.
LONG WINAPI SCardAudit(SCARDCONTEXT context, DWORD event) {
  return guarded([&]() -> Code {
    if (!desk().is_context(context)) return code::kInvalidHandle;
    const auto there = desk().system_context(context);
    auto* const real = real_function<decltype(SCardAudit)>("SCardAudit");
    return real == nullptr || there == 0 ? code::kSuccess : static_cast<Code>(real(there, event));
  });
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming,readability-inconsistent-declaration-parameter-name)

#include "system_calls.h"

#include <algorithm>
#include <utility>

#include "system_winscard.h"
#include "text.h"

namespace cardea::winscard::system {
namespace {

namespace code = pcsc_link::code;

Code as_code(LONG value) {
  return static_cast<Code>(value);
}

/// The system's answers may change between two calls; a few attempts settle it.
constexpr int kAttempts = 5;

/// The multi-string that `call` puts into a buffer, or only its length.
template <class Call>
Code multi_string(Call call, std::vector<std::string>& out) {
  for (int i = 0; i < kAttempts; ++i) {
    DWORD length = 0;
    Code result = as_code(call(nullptr, &length));
    if (result != code::kSuccess) return result;
    std::wstring list(length + 2, L'\0');
    result = as_code(call(list.data(), &length));
    if (result == code::kInsufficientBuffer) continue;
    if (result == code::kSuccess) out = multi_in(list.c_str());
    return result;
  }
  return code::kInsufficientBuffer;
}

}  // namespace

Code establish(DWORD scope, SCARDCONTEXT& context) {
  const auto call = CARDEA_SYSTEM_FUNCTION(SCardEstablishContext);
  return call == nullptr ? code::kNoService : as_code(call(scope, nullptr, nullptr, &context));
}

void release(SCARDCONTEXT context) {
  if (const auto call = CARDEA_SYSTEM_FUNCTION(SCardReleaseContext); call != nullptr && context != 0)
    call(context);
}

void cancel(SCARDCONTEXT context) {
  if (const auto call = CARDEA_SYSTEM_FUNCTION(SCardCancel); call != nullptr && context != 0) call(context);
}

Code list_readers(SCARDCONTEXT context, const std::vector<std::string>& groups,
                  std::vector<std::string>& names) {
  const auto call = CARDEA_SYSTEM_FUNCTION(SCardListReadersW);
  if (call == nullptr || context == 0) return code::kNoReadersAvailable;
  const auto asked = multi_out<wchar_t>(groups);
  const wchar_t* const group_list = groups.empty() ? nullptr : asked.c_str();
  return multi_string([&](wchar_t* list, DWORD* length) { return call(context, group_list, list, length); },
                      names);
}

Code list_groups(SCARDCONTEXT context, std::vector<std::string>& names) {
  const auto call = CARDEA_SYSTEM_FUNCTION(SCardListReaderGroupsW);
  if (call == nullptr) return code::kNoService;
  return multi_string([&](wchar_t* list, DWORD* length) { return call(context, list, length); }, names);
}

Code connect(SCARDCONTEXT context, const std::string& reader, DWORD share, DWORD protocols, SCARDHANDLE& card,
             DWORD& active) {
  const auto call = CARDEA_SYSTEM_FUNCTION(SCardConnectW);
  if (call == nullptr || context == 0) return code::kUnknownReader;
  return as_code(call(context, text_out<wchar_t>(reader).c_str(), share, protocols, &card, &active));
}

Code disconnect(SCARDHANDLE card, DWORD disposition) {
  const auto call = CARDEA_SYSTEM_FUNCTION(SCardDisconnect);
  return call == nullptr ? code::kInvalidHandle : as_code(call(card, disposition));
}

Code status_change(SCARDCONTEXT context, DWORD timeout, std::span<Watched> watched) {
  const auto call = CARDEA_SYSTEM_FUNCTION(SCardGetStatusChangeW);
  if (call == nullptr || context == 0) return code::kNoService;
  std::vector<std::wstring> names;
  for (const auto& entry : watched)
    names.push_back(text_out<wchar_t>(entry.name));
  std::vector<SCARD_READERSTATEW> states(watched.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].szReader = names[i].c_str();
    states[i].dwCurrentState = watched[i].current;
  }
  const Code result = as_code(call(context, timeout, states.data(), static_cast<DWORD>(states.size())));
  for (std::size_t i = 0; i < states.size(); ++i) {
    watched[i].event = states[i].dwEventState;
    const auto size = std::min<std::size_t>(states[i].cbAtr, sizeof states[i].rgbAtr);
    watched[i].atr = Bytes{states[i].rgbAtr, states[i].rgbAtr + size};
  }
  return result;
}

}  // namespace cardea::winscard::system

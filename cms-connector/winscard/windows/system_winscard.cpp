#include "system_winscard.h"

#include <array>
#include <filesystem>
#include <string>

namespace cardea::winscard {
namespace {

constexpr std::size_t kLongestPath = 1024;

/// When it cannot be told, too.
bool is_elevated() {
  HANDLE token = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token) == 0) return true;
  TOKEN_ELEVATION elevation{};
  DWORD size = 0;
  const bool told = ::GetTokenInformation(token, TokenElevation, &elevation, sizeof elevation, &size) != 0;
  ::CloseHandle(token);
  return !told || elevation.TokenIsElevated != 0;
}

/// Not for a program with an administrator's rights: whoever may set a variable need not have them. And not
/// by a name alone, which the current directory could answer to.
std::wstring from_environment() {
  if (is_elevated()) return {};
  std::array<wchar_t, kLongestPath> text{};
  const DWORD size =
      ::GetEnvironmentVariableW(L"CARDEA_SYSTEM_WINSCARD", text.data(), static_cast<DWORD>(text.size()));
  if (size == 0 || size >= text.size()) return {};
  std::wstring path{text.data(), size};
  return std::filesystem::path{path}.is_absolute() ? path : std::wstring{};
}

std::wstring from_registry() {
  std::array<wchar_t, kLongestPath> text{};
  DWORD size = sizeof text;
  const LSTATUS found = ::RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Cardea", L"SystemWinscard",
                                       RRF_RT_REG_SZ, nullptr, text.data(), &size);
  return found == ERROR_SUCCESS ? std::wstring{text.data()} : std::wstring{};
}

/// By its whole path: by its name Windows would give us ourselves.
std::wstring of_windows() {
  std::array<wchar_t, kLongestPath> text{};
  const UINT size = ::GetSystemDirectoryW(text.data(), static_cast<UINT>(text.size()));
  return size > 0 && size < text.size() ? std::wstring{text.data(), size} + L"\\winscard.dll"
                                        : std::wstring{};
}

HMODULE ourselves() {
  HMODULE self = nullptr;
  // NOLINTNEXTLINE(*-reinterpret-cast): any address in this DLL
  ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                       reinterpret_cast<const wchar_t*>(&ourselves), &self);
  return self;
}

}  // namespace

HMODULE SystemWinscard::load() {
  auto path = from_environment();
  if (path.empty()) path = from_registry();
  if (path.empty()) path = of_windows();
  if (path.empty()) return nullptr;
  const HMODULE library = ::LoadLibraryExW(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  return library == ourselves() ? nullptr : library;
}

const SystemWinscard* SystemWinscard::get() {
  static const SystemWinscard the{load()};
  return the.library_ == nullptr ? nullptr : &the;
}

}  // namespace cardea::winscard

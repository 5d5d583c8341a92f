#include "cardea/windows/text.h"

#include <windows.h>

#include <array>

namespace cardea::windows {

std::wstring widened(std::string_view utf8) {
  if (utf8.empty()) return {};
  const auto size = static_cast<int>(utf8.size());
  const int needed = ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, nullptr, 0);
  std::wstring out(static_cast<std::size_t>(needed), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, out.data(), needed);
  return out;
}

std::string narrowed(std::wstring_view utf16) {
  if (utf16.empty()) return {};
  const auto size = static_cast<int>(utf16.size());
  const int needed = ::WideCharToMultiByte(CP_UTF8, 0, utf16.data(), size, nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<std::size_t>(needed), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, utf16.data(), size, out.data(), needed, nullptr, nullptr);
  return out;
}

std::size_t encode_utf8(std::wstring_view character, std::span<std::uint8_t> into) {
  // NOLINTNEXTLINE(*-reinterpret-cast): octets and char
  const int written = ::WideCharToMultiByte(CP_UTF8, 0, character.data(), static_cast<int>(character.size()),
                                            reinterpret_cast<char*>(into.data()),
                                            static_cast<int>(into.size()), nullptr, nullptr);
  return static_cast<std::size_t>(written);
}

std::string error_text(unsigned long error) {
  std::array<wchar_t, 512> text{};
  const DWORD size = ::FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                                      error, 0, text.data(), static_cast<DWORD>(text.size()), nullptr);
  std::wstring_view sentence{text.data(), size};
  while (!sentence.empty() && (sentence.back() <= L' ' || sentence.back() == L'.'))
    sentence.remove_suffix(1);
  return sentence.empty() ? "Windows error " + std::to_string(error) : narrowed(sentence);
}

}  // namespace cardea::windows

#pragma once

#include <windows.h>

#include <string>
#include <string_view>
#include <vector>

#include "cardea/windows/text.h"

namespace cardea::winscard {

/// What the A and W forms of a function say, as UTF-8. The A forms use the code page of the system.
inline std::string text_in(const wchar_t* text) {
  return windows::narrowed(text);
}
inline std::string text_in(const char* text) {
  const int size = ::MultiByteToWideChar(CP_ACP, 0, text, -1, nullptr, 0);
  if (size <= 1) return {};
  std::wstring wide(static_cast<std::size_t>(size), L'\0');
  ::MultiByteToWideChar(CP_ACP, 0, text, -1, wide.data(), size);
  wide.pop_back();
  return windows::narrowed(wide);
}

template <class C>
std::basic_string<C> text_out(std::string_view utf8);
template <>
inline std::wstring text_out<wchar_t>(std::string_view utf8) {
  return windows::widened(utf8);
}
template <>
inline std::string text_out<char>(std::string_view utf8) {
  const auto wide = windows::widened(utf8);
  if (wide.empty()) return {};
  const auto length = static_cast<int>(wide.size());
  const int size = ::WideCharToMultiByte(CP_ACP, 0, wide.data(), length, nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<std::size_t>(size), '\0');
  ::WideCharToMultiByte(CP_ACP, 0, wide.data(), length, out.data(), size, nullptr, nullptr);
  return out;
}

/// A multi-string: each with a terminator, and one more at the end.
template <class C>
std::basic_string<C> multi_out(const std::vector<std::string>& all) {
  std::basic_string<C> out;
  for (const auto& one : all)
    out.append(text_out<C>(one)).push_back(C{});
  out.push_back(C{});
  return out;
}

template <class C>
std::vector<std::string> multi_in(const C* list) {
  std::vector<std::string> out;
  for (; list != nullptr && *list != C{}; list += std::char_traits<C>::length(list) + 1)
    out.push_back(text_in(list));
  return out;
}

}  // namespace cardea::winscard

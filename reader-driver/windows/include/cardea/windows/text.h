#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cardea::windows {

/// UTF-8 to UTF-16 and back. What is neither is replaced by U+FFFD.
std::wstring widened(std::string_view utf8);
std::string narrowed(std::wstring_view utf16);

/// One character into a buffer of the caller's, where nothing is left over elsewhere; octets written, 0 when
/// it does not fit.
std::size_t encode_utf8(std::wstring_view character, std::span<std::uint8_t> into);

/// Windows' sentence for an error, without the line end it comes with.
std::string error_text(unsigned long error);

}  // namespace cardea::windows

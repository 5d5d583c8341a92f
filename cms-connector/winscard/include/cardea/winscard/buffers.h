#pragma once

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "cardea/pcsc_link/vocabulary.h"

namespace cardea::winscard {

/// What a value does that is longer than the caller's room.
enum class TooLong : std::uint8_t { keep_out, cut_off };

/// The length protocol of PC/SC. `*length` is the caller's room in characters, and becomes the value's
/// length. A null `out` asks for the length only. SCARD_AUTOALLOCATE (all bits of `*length` set): `out` is
/// the address of a pointer, which gets memory of malloc(). Codes: kInsufficientBuffer, kInvalidParameter
/// (nowhere to put the pointer), kNoMemory. `length` is not null.
template <class Char, class Length>
pcsc_link::Code give(std::span<const Char> value, void* out, Length* length,
                     TooLong too_long = TooLong::keep_out) {
  const auto room = *length;
  *length = static_cast<Length>(value.size());
  if (room == static_cast<Length>(-1)) {
    if (out == nullptr) return pcsc_link::code::kInvalidParameter;
    auto* made = static_cast<Char*>(std::malloc(std::max<std::size_t>(value.size_bytes(), 1)));
    if (made == nullptr) return pcsc_link::code::kNoMemory;
    std::ranges::copy(value, made);
    *static_cast<Char**>(out) = made;
    return pcsc_link::code::kSuccess;
  }
  if (out == nullptr) return pcsc_link::code::kSuccess;
  const bool fits = value.size() <= room;
  if (fits || too_long == TooLong::cut_off) {
    const auto kept = std::min(value.size(), static_cast<std::size_t>(room));
    std::ranges::copy(value.first(kept), static_cast<Char*>(out));
  }
  return fits ? pcsc_link::code::kSuccess : pcsc_link::code::kInsufficientBuffer;
}

/// Each string with its terminator, and one more at the end.
inline std::string multi_string(const std::vector<std::string>& strings) {
  std::string out;
  for (const auto& each : strings)
    out.append(each).push_back('\0');
  out.push_back('\0');
  return out;
}

/// The characters and a terminator.
inline std::span<const char> with_terminator(const std::string& text) {
  return {text.c_str(), text.size() + 1};
}

}  // namespace cardea::winscard

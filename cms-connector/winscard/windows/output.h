#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "cardea/pcsc_link/vocabulary.h"
#include "winscard_api.h"

namespace cardea::winscard {

/// Memory that a program gets by SCARD_AUTOALLOCATE, and gives back by SCardFreeMemory.
void* allocate(std::size_t size);
/// False for what is none of ours.
bool free_allocated(const void* memory);

/// Hands out elements the way all functions of the API do: into a buffer of the program's, into a new one
/// where it asks for that, or only their number where there is no buffer. Codes: kInsufficientBuffer (the
/// number is set), kNoMemory.
template <class T>
pcsc_link::Code give(std::span<const T> value, T* buffer, DWORD* length) {
  namespace code = pcsc_link::code;
  if (length == nullptr) return buffer == nullptr ? code::kSuccess : code::kInvalidParameter;
  const auto needed = static_cast<DWORD>(value.size());
  if (*length == SCARD_AUTOALLOCATE) {
    if (buffer == nullptr) return code::kInvalidParameter;
    auto* const made = static_cast<T*>(allocate(value.size_bytes()));
    if (made == nullptr) return code::kNoMemory;
    std::ranges::copy(value, made);
    // NOLINTNEXTLINE(*-reinterpret-cast): the API passes a pointer to a pointer here
    *reinterpret_cast<T**>(buffer) = made;
    *length = needed;
    return code::kSuccess;
  }
  const DWORD room = std::exchange(*length, needed);
  if (buffer == nullptr) return code::kSuccess;
  if (room < needed) return code::kInsufficientBuffer;
  std::ranges::copy(value, buffer);
  return code::kSuccess;
}

template <class C>
pcsc_link::Code give_text(const std::basic_string<C>& value, C* buffer, DWORD* length) {
  return give(std::span<const C>{value.data(), value.size()}, buffer, length);
}

}  // namespace cardea::winscard

#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace cardea {

/// Owned octets.
using Bytes = std::vector<std::uint8_t>;

/// Borrowed octets; valid only as long as what they were taken from.
using BytesView = std::span<const std::uint8_t>;

/// Appends `more` to `out`; the two must not overlap.
inline void append(Bytes& out, BytesView more) {
  out.insert(out.end(), more.begin(), more.end());
}

/// A copy of `view`.
inline Bytes to_bytes(BytesView view) {
  return {view.begin(), view.end()};
}

/// The octets of a character string, without a terminator.
inline BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()),
          text.size()};  // NOLINT(*-reinterpret-cast): char to octet
}

/// All parts, one after the other.
inline Bytes concat(std::initializer_list<BytesView> parts) {
  Bytes out;
  for (const auto part : parts)
    append(out, part);
  return out;
}

/// Equality of public data. Secrets have `same_secret`, whose time does not depend on the content.
inline bool equal(BytesView a, BytesView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

/// Big-endian ("network order") integers, the only order that ISO 7816 and this project's wire formats use.
inline void append_be16(Bytes& out, std::uint16_t v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8U));
  out.push_back(static_cast<std::uint8_t>(v));
}

inline void append_be32(Bytes& out, std::uint32_t v) {
  append_be16(out, static_cast<std::uint16_t>(v >> 16U));
  append_be16(out, static_cast<std::uint16_t>(v));
}

inline void append_be64(Bytes& out, std::uint64_t v) {
  append_be32(out, static_cast<std::uint32_t>(v >> 32U));
  append_be32(out, static_cast<std::uint32_t>(v));
}

/// Reads a big-endian number of up to eight octets; the caller has checked the length.
inline std::uint64_t read_be(BytesView bytes) {
  std::uint64_t v = 0;
  for (const auto b : bytes)
    v = (v << 8U) | b;
  return v;
}

}  // namespace cardea

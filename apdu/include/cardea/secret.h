#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "cardea/bytes.h"

namespace cardea {

/// Overwrites memory in a way the optimiser may not drop.
void wipe(std::span<std::uint8_t> memory) noexcept;

/// Compares without the time depending on where the two first differ. Lengths are not secret.
[[nodiscard]] bool constant_time_equal(BytesView a, BytesView b) noexcept;

/// N secret octets that exist in one place and are wiped when that place goes away.
template <std::size_t N>
class Secret {
 public:
  /// Zeroes, to be filled in place.
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_{other.bytes_} { other.clear(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.clear();
    }
    return *this;
  }
  ~Secret() { clear(); }

  static constexpr std::size_t size() { return N; }

  /// The only way in or out; `git grep expose` lists every place that sees plaintext.
  std::span<std::uint8_t, N> expose() { return bytes_; }
  std::span<const std::uint8_t, N> expose() const { return bytes_; }

 private:
  void clear() noexcept { wipe(bytes_); }

  std::array<std::uint8_t, N> bytes_{};
};

/// Secret octets whose number is known only at run time: a PIN field, a key component, a shared secret.
/// The buffer never grows in place, so no unwiped copy is left behind by a reallocation.
class SecretBytes {
 public:
  SecretBytes() = default;
  /// Zeroes, to be filled in place.
  explicit SecretBytes(std::size_t size) : bytes_(size) {}
  /// Copies `plain`; wiping the source remains the caller's duty.
  explicit SecretBytes(BytesView plain) : bytes_(plain.begin(), plain.end()) {}
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes() { wipe(bytes_); }

  /// A second copy, said out loud.
  [[nodiscard]] SecretBytes clone() const { return SecretBytes{BytesView{bytes_}}; }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  std::span<std::uint8_t> expose() { return bytes_; }
  [[nodiscard]] BytesView expose() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Time does not depend on where the two first differ.
template <std::size_t N>
[[nodiscard]] bool same_secret(const Secret<N>& a, const Secret<N>& b) {
  return constant_time_equal(a.expose(), b.expose());
}

[[nodiscard]] inline bool same_secret(const SecretBytes& a, const SecretBytes& b) {
  return constant_time_equal(a.expose(), b.expose());
}

/// Wipes a plain buffer (an APDU that carried a PIN, say) when the scope ends.
class [[nodiscard]] WipeOnExit {
 public:
  explicit WipeOnExit(Bytes& buffer) : buffer_{buffer} {}
  WipeOnExit(const WipeOnExit&) = delete;
  WipeOnExit& operator=(const WipeOnExit&) = delete;
  WipeOnExit(WipeOnExit&&) = delete;
  WipeOnExit& operator=(WipeOnExit&&) = delete;
  ~WipeOnExit() { wipe(buffer_); }

 private:
  Bytes& buffer_;
};

static_assert(!std::is_copy_constructible_v<Secret<16>>);
static_assert(!std::is_copy_constructible_v<SecretBytes>);

}  // namespace cardea

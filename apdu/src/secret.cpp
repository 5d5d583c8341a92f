#include "cardea/secret.h"

#include <utility>

namespace cardea {

void wipe(std::span<std::uint8_t> memory) noexcept {
  if (memory.empty()) return;
  std::fill(memory.begin(), memory.end(), std::uint8_t{0});
  // The compiler must assume that this reads the memory, so the stores above are not dead.
  __asm__ __volatile__("" : : "r"(memory.data()) : "memory");
}

bool constant_time_equal(BytesView a, BytesView b) noexcept {
  if (a.size() != b.size()) return false;
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  // Hides the value, so that the loop above cannot be turned into one that stops early.
  __asm__ __volatile__("" : "+r"(difference));
  return difference == 0;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    wipe(bytes_);
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

}  // namespace cardea

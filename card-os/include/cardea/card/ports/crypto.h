#pragma once

#include <array>
#include <cstdint>

#include "cardea/bytes.h"

namespace cardea::card {

using Digest = std::array<std::uint8_t, 32>;
using Digest384 = std::array<std::uint8_t, 48>;

/// Keyless arithmetic the card needs. No randomness of its own.
class Crypto {
 public:
  Crypto() = default;
  Crypto(const Crypto&) = delete;
  Crypto& operator=(const Crypto&) = delete;
  virtual ~Crypto() = default;

  /// SHA-256 (FIPS 180-4).
  [[nodiscard]] virtual Digest sha256(BytesView data) const = 0;
  /// SHA-384 (FIPS 180-4).
  [[nodiscard]] virtual Digest384 sha384(BytesView data) const = 0;
};

}  // namespace cardea::card

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/bytes.h"

namespace cardea::apdu {

/// Answer-to-reset (ISO/IEC 7816-3, 8.2), taken apart.
struct Atr {
  static constexpr std::size_t kMaxSize = 33;

  /// One group TAi TBi TCi and the protocol that TD(i-1) announced for it.
  struct Interface {
    std::optional<std::uint8_t> ta, tb, tc;
    std::optional<std::uint8_t> protocol;  ///< low nibble of the TD before; absent in the first group
  };

  std::vector<Interface> interfaces;  ///< at least the first group, which may be empty
  Bytes historical;                   ///< 0 to 15 octets

  /// The protocols offered, the first one first; T=0 when no TD is there.
  [[nodiscard]] std::vector<std::uint8_t> protocols() const;
};

/// Nothing when TS is unknown, the structure is cut off or too long, or TCK is missing, wrong or superfluous.
std::optional<Atr> parse_atr(BytesView octets);

/// `3B 8K 81 31 FE 45 … TCK`: direct convention, T=1 only, IFSC 254, BWI/CWI 45.
/// `historical` has at most 15 octets; more are cut.
Bytes make_t1_atr(BytesView historical);

}  // namespace cardea::apdu

#pragma once

#include <optional>

#include "cardea/bytes.h"

namespace cardea::apdu {

/// An application identifier: 5 to 16 octets (ISO/IEC 7816-4, 12.3.4).
class Aid {
 public:
  static constexpr std::size_t kMinSize = 5;
  static constexpr std::size_t kMaxSize = 16;

  /// Nothing unless there are 5 to 16 octets.
  static std::optional<Aid> from(BytesView octets);

  [[nodiscard]] BytesView octets() const { return octets_; }

  /// Whether SELECT with this data field names the application: the data is the identifier or a
  /// right-truncated form of it, no shorter than a registered provider identifier (five octets).
  [[nodiscard]] bool selected_by(BytesView data) const;

  friend bool operator==(const Aid&, const Aid&) = default;

 private:
  explicit Aid(BytesView octets) : octets_{to_bytes(octets)} {}

  Bytes octets_;
};

}  // namespace cardea::apdu

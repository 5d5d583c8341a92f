#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cardea/apdu/status_word.h"
#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::apdu {

/// The largest command: header, three octets Lc, 65 535 octets of data, two octets Le.
inline constexpr std::size_t kMaxCommandSize = 4 + 3 + 65535 + 2;
/// The largest response: 65 536 octets of data and the status word.
inline constexpr std::size_t kMaxResponseSize = 65536 + 2;

/// A command APDU (ISO/IEC 7816-3, 12.1; ISO/IEC 7816-4, 5.1).
///
/// |        | no Le  | Le     |
/// |--------|--------|--------|
/// | no Lc  | case 1 | case 2 |
/// | Lc     | case 3 | case 4 |
struct Command {
  std::uint8_t cla = 0;
  std::uint8_t ins = 0;
  std::uint8_t p1 = 0;
  std::uint8_t p2 = 0;
  Bytes data;                       ///< Nc octets, 0 to 65 535
  std::optional<std::uint32_t> le;  ///< Ne, 1 to 65 536; absent in cases 1 and 3
  bool extended = false;            ///< the length fields were, or are to be, extended

  friend bool operator==(const Command&, const Command&) = default;
};

/// Reads a command APDU.
///
/// A fifth octet alone is Le (case 2), also when it is zero; `00 00 00` after the header is case 2 extended
/// with Ne = 65 536. Errors: 6700 when the lengths do not add up or the header is incomplete.
tl::expected<Command, StatusWord> parse_command(BytesView octets);

/// Writes a command APDU. Extended length fields are used where `extended` says so or a length needs them.
Bytes encode(const Command& command);

}  // namespace cardea::apdu

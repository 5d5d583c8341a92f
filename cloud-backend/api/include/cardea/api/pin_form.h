#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cardea/bytes.h"

namespace cardea::api {

/// What a card's PINs look like. Checked where they are typed: the server never sees one.
enum class PinForm : std::uint8_t {
  decimal,   ///< six to eight digits padded with FF, and none that everybody tries first
  padded,    ///< six to eight octets padded with FF; as shown, whatever has eight
  passcode,  ///< eight to thirty characters, a letter and a number among them
};

/// "decimal", "padded", "passcode", as openapi.yaml names them. Nothing for another word.
std::optional<PinForm> parse_pin_form(std::string_view word);

/// Whether a field can be a PIN at all: one that cannot spends no try where the form says so.
[[nodiscard]] bool can_be_pin(PinForm form, BytesView field);

/// Whether a field may become the PIN.
[[nodiscard]] bool may_become_pin(PinForm form, BytesView field);
/// The same of the PUK: the padded forms take eight octets of any value.
[[nodiscard]] bool may_become_puk(PinForm form, BytesView field);

/// Octets of each value where two stand in one field: the first this many are the one that is shown.
inline constexpr std::size_t kPaddedPinSize = 8;

}  // namespace cardea::api

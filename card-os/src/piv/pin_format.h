#pragma once

#include <cstddef>

#include "cardea/bytes.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/pin_values.h"

namespace cardea::card::piv {

/// Octets in a PIN or PUK field (SP 800-73-4 Part 2, 2.4.3).
inline constexpr std::size_t kPinSize = 8;

/// Six to eight digits, padded with FF.
bool is_decimal_pin(BytesView field);

/// Six to eight octets of any value, the last not FF, padded with FF: what Yubico's cards take.
bool is_padded_pin(BytesView field);

/// Whether a PIN field holds a value that everybody tries first.
bool is_tried_first(BytesView field);

/// What this card is made with, and everybody knows.
BytesView factory_value(PinRef reference);

}  // namespace cardea::card::piv

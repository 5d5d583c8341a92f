#pragma once

#include "cardea/bytes.h"

namespace cardea {

/// Whether a PIN is one that everybody tries first: one character over and over, each next to the one before
/// it, or one of a short list. SP 800-63B-4, 3.1.1.2, wants such values refused when they are chosen. `value`
/// has no padding.
[[nodiscard]] bool is_tried_first(BytesView value);

/// What PIV cards are delivered with, by Yubico and by us, as PIN and PUK fields (123456 padded, 12345678).
[[nodiscard]] BytesView factory_pin();
[[nodiscard]] BytesView factory_puk();

}  // namespace cardea

#pragma once

#include <cstdint>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::cms::gp {

/// A secure channel protocol that a card offers, and with which options.
struct Protocol {
  std::uint8_t scp = 0;
  std::uint8_t i = 0;
  friend bool operator==(const Protocol&, const Protocol&) = default;
};

/// The protocols in card data, GET DATA 66 (GP Card Specification 2.3.1, H.2): where SCP02 cards say their i.
/// None when the card data do not name any. Errors: `corrupt` when they are not card recognition data.
Result<std::vector<Protocol>> parse_card_data(BytesView data);

/// A key that a card has; not its value.
struct KeyInfo {
  std::uint8_t id = 0;
  std::uint8_t version = 0;
  std::uint8_t type = 0;  ///< 80 3DES, 88 AES …; of the first component
  std::uint8_t size = 0;  ///< octets
  friend bool operator==(const KeyInfo&, const KeyInfo&) = default;
};

/// The key information template, GET DATA E0 (11.3.3.1). Errors: `corrupt` for another form.
Result<std::vector<KeyInfo>> parse_key_information(BytesView data);

}  // namespace cardea::cms::gp

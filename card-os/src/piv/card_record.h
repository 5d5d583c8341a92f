#pragma once

#include <cstdint>

#include "cardea/card/ports/store.h"
#include "cardea/result.h"

namespace cardea::card::piv {

/// What the card is made with, and what outlives even its keys. Stored as record (card, 0).
struct CardRecord {
  std::uint32_t serial = 0;        ///< Yubico serial number
  std::uint64_t key_versions = 0;  ///< no key made from now on has a version as low as this
};

inline constexpr RecordId kCardRecordId{RecordSpace::card, 0};

/// The stored form: version octet 1, serial number (4), key versions (8).
Bytes encode(const CardRecord& record);

/// `corrupt` for anything that `encode` does not write.
Result<CardRecord> decode_card_record(BytesView octets);

/// Reads it from the store; `corrupt` when there is none.
Result<CardRecord> load_card_record(Store& store);

}  // namespace cardea::card::piv

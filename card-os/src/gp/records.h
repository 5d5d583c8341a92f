#pragma once

#include <cstdint>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/gp/key_set.h"
#include "cardea/card/ports/store.h"
#include "cardea/result.h"

namespace cardea::card::gp {

// What a security domain keeps, beside the keys themselves and the sequence counters: records of
// RecordSpace::card. Encodings begin with a version octet and are read strictly.

/// Life cycle of the card (Card Specification 2.3.1, table 11-6).
enum class CardState : std::uint8_t {
  op_ready = 0x01,
  initialized = 0x07,
  secured = 0x0F,
  card_locked = 0x7F,
  terminated = 0xFF,
};

/// Life cycle of an application (tables 11-4 and 11-5): the states that are a card's to give, and nothing for
/// one that was deleted. Bit 80 is the lock.
namespace application {
inline constexpr std::uint8_t kDeleted = 0x00;
inline constexpr std::uint8_t kInstalled = 0x03;
inline constexpr std::uint8_t kSelectable = 0x07;
inline constexpr std::uint8_t kPersonalized = 0x0F;
inline constexpr std::uint8_t kLockedBit = 0x80;
/// Whether it can be used: neither deleted nor locked, and made selectable.
constexpr bool is_usable(std::uint8_t state) {
  return (state & kLockedBit) == 0 && (state & kSelectable) == kSelectable;
}
}  // namespace application

/// One record a card. A card without it is as it was made.
struct Registry {
  CardState card = CardState::op_ready;
  std::uint8_t piv = application::kSelectable;  ///< of the PIV application
  std::uint64_t generations = 0;                ///< grows with each key set that comes or goes
  std::uint64_t instance = 0;                   ///< of the PIV application: grows with each INSTALL

  friend bool operator==(const Registry&, const Registry&) = default;
};
inline constexpr RecordId kRegistryId{RecordSpace::card, 0x47520000};
/// Version octet 1 as long as the application is the one that the card was made with, else 2.
Bytes encode(const Registry& registry);
/// `corrupt` for anything that `encode` does not write.
Result<Registry> decode_registry(BytesView octets);
/// What the store has, and the octets of it: the condition for changing it. Errors: `corrupt`; the store's.
struct StoredRegistry {
  Registry registry;
  std::optional<Bytes> octets;
};
Result<StoredRegistry> load_registry(Store& store);

/// What belongs to one key version, beside its three keys.
struct KeySetRecord {
  std::uint8_t place = 0;  ///< which three of the key references: 0 to 7
  Protocol protocol = Protocol::scp03;
  std::uint8_t options = 0x70;
  Algorithm algorithm = Algorithm::aes128;
  std::uint64_t generation = 0;  ///< grows with every set that the card is given: the highest is the newest

  friend bool operator==(const KeySetRecord&, const KeySetRecord&) = default;
};
constexpr RecordId key_set_id(std::uint8_t version) {
  return {RecordSpace::card, 0x47530000U | version};
}
constexpr bool is_key_set(std::uint32_t id) {
  return (id & 0xFFFFFF00U) == key_set_id(0).id;
}
/// Key versions of sets that are put, not delivered: 01 to this.
inline constexpr std::uint8_t kHighestVersion = 0x7F;
Bytes encode(const KeySetRecord& record);
Result<KeySetRecord> decode_key_set(BytesView octets);
/// Whether a protocol with that parameter "i" is one that this card speaks, with keys of that kind.
bool speaks(Protocol protocol, std::uint8_t options, Algorithm algorithm);

/// Data objects of the security domain by tag: 42, 45, 66, CF.
constexpr RecordId domain_data_id(std::uint16_t tag) {
  return {RecordSpace::card, 0x47440000U | tag};
}

}  // namespace cardea::card::gp

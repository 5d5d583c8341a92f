#include "gp/records.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFormatWithInstance = 2;

bool known(CardState state) {
  switch (state) {
    case CardState::op_ready:
    case CardState::initialized:
    case CardState::secured:
    case CardState::card_locked:
    case CardState::terminated:
      return true;
  }
  return false;
}

bool known_application(std::uint8_t state) {
  const auto unlocked = static_cast<std::uint8_t>(state & ~application::kLockedBit);
  return state == application::kDeleted || unlocked == application::kInstalled ||
         unlocked == application::kSelectable || unlocked == application::kPersonalized;
}

}  // namespace

Bytes encode(const Registry& registry) {
  const bool first = registry.instance == 0;
  Bytes out{first ? kFormat : kFormatWithInstance, static_cast<std::uint8_t>(registry.card), registry.piv};
  append_be64(out, registry.generations);
  if (!first) append_be64(out, registry.instance);
  return out;
}

Result<Registry> decode_registry(BytesView octets) {
  constexpr std::size_t kSize = 3 + 8;
  constexpr std::size_t kSizeWithInstance = kSize + 8;
  const auto damaged = [] { return fail(Errc::corrupt, "the registry of the card is damaged"); };
  if (octets.size() != kSize && octets.size() != kSizeWithInstance) return damaged();
  const bool first = octets.size() == kSize;
  if (octets[0] != (first ? kFormat : kFormatWithInstance)) return damaged();
  const Registry out{static_cast<CardState>(octets[1]), octets[2], read_be(octets.subspan(3, 8)),
                     first ? 0 : read_be(octets.subspan(kSize))};
  if (!first && out.instance == 0) return damaged();
  if (!known(out.card) || !known_application(out.piv)) return damaged();
  return out;
}

Result<StoredRegistry> load_registry(Store& store) {
  CARDEA_TRY(auto octets, store.get(kRegistryId));
  if (!octets) return StoredRegistry{};
  CARDEA_TRY(const auto registry, decode_registry(*octets));
  return StoredRegistry{registry, std::move(octets)};
}

bool speaks(Protocol protocol, std::uint8_t options, Algorithm algorithm) {
  if (protocol == Protocol::scp02)
    return algorithm == Algorithm::tdes && (options == 0x15 || options == 0x55);
  constexpr unsigned kKnown =
      option::kPseudoRandom03 | option::kResponseMac03 | option::kResponseEncryption03;
  const bool aes =
      algorithm == Algorithm::aes128 || algorithm == Algorithm::aes192 || algorithm == Algorithm::aes256;
  // Amendment D, 5.1: encrypted responses come with a MAC only.
  const bool lonely =
      (options & option::kResponseEncryption03) != 0 && (options & option::kResponseMac03) == 0;
  return protocol == Protocol::scp03 && aes && (options & ~kKnown) == 0 && !lonely;
}

Bytes encode(const KeySetRecord& record) {
  Bytes out{kFormat, record.place, static_cast<std::uint8_t>(record.protocol), record.options,
            static_cast<std::uint8_t>(record.algorithm)};
  append_be64(out, record.generation);
  return out;
}

Result<KeySetRecord> decode_key_set(BytesView octets) {
  constexpr std::size_t kSize = 5 + 8;
  constexpr std::uint8_t kPlaces = 8;
  const auto damaged = [] { return fail(Errc::corrupt, "a key set record of the card is damaged"); };
  if (octets.size() != kSize || octets[0] != kFormat) return damaged();
  const KeySetRecord out{octets[1], static_cast<Protocol>(octets[2]), octets[3],
                         static_cast<Algorithm>(octets[4]), read_be(octets.subspan(5))};
  if (out.place >= kPlaces || !speaks(out.protocol, out.options, out.algorithm)) return damaged();
  return out;
}

}  // namespace cardea::card::gp

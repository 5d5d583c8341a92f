#include <algorithm>
#include <array>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "gp/content.h"
#include "gp/issuer.h"

namespace cardea::card::gp {

// Card Specification 2.3.1, 11.2 DELETE: `4F L aid`, or keys `[D0 01 identifier] D2 01 version`.
CardResult<Reply> Issuer::delete_content(const Command& command) {
  constexpr std::uint32_t kAid = 0x4F;
  constexpr std::uint32_t kIdentifier = 0xD0;
  constexpr std::uint32_t kVersion = 0xD2;
  const auto objects = apdu::read_tlvs(command.data);
  if (!objects || objects->empty()) return refuse(sw::kWrongData);
  if (objects->front().tag == kAid && objects->size() == 1) {
    CARDEA_CHECK(delete_application(objects->front().value));
    return Reply{Bytes{0x00}};
  }
  const auto version = apdu::find(*objects, kVersion);
  const auto identifier = apdu::find(*objects, kIdentifier);
  const std::size_t expected = identifier ? 2 : 1;
  if (!version || version->size() != 1 || objects->size() != expected) return refuse(sw::kWrongData);
  // The three keys of a set are of use only together.
  if (identifier) return refuse(sw::kConditionsNotSatisfied);
  CARDEA_CHECK(delete_keys(version->front()));
  return Reply{Bytes{0x00}};
}

CardResult<void> Issuer::delete_application(BytesView aid) {
  CARDEA_TRY(const auto stored, registry_for_change());
  if (equal(aid, aid_.octets()) || equal(aid, kPackage)) return refuse(sw::kConditionsNotSatisfied);
  const auto state = stored.registry.piv;
  if (!is_piv(aid) || state == application::kDeleted) return refuse(sw::kReferencedDataNotFound);
  if (managed_ == nullptr) return refuse(sw::kConditionsNotSatisfied);
  auto after = stored.registry;
  after.piv = application::kDeleted;
  personalizing_.reset();
  CARDEA_CHECK(managed_->erase({kRegistryId, stored.octets}, {kRegistryId, encode(after)}));
  return lift(ports_.audit.record(ApplicationStateChanged{state, application::kDeleted}));
}

/// Not the last ones, without which nobody would get in any more, and not those of this channel.
CardResult<void> Issuer::delete_keys(std::uint8_t version) {
  CARDEA_TRY(const auto stored, registry_for_change());
  CARDEA_TRY(const auto sets, lift(domain_.keys().list()));
  const auto found = std::ranges::find(sets, version, &StoredKeySets::Entry::version);
  if (found == sets.end()) return refuse(sw::kReferencedDataNotFound);
  if (sets.size() == 1 || version == domain_.key_version()) return refuse(sw::kConditionsNotSatisfied);
  CARDEA_TRY(auto erasure, lift(domain_.keys().erasure(*found)));
  // The registry changes with the key sets: of two sessions that change them at once, one fails.
  auto after = stored.registry;
  ++after.generations;
  erasure.changes.push_back({kRegistryId, encode(after)});
  const Condition unchanged{kRegistryId, stored.octets};
  CARDEA_CHECK(lift(ports_.store.commit_if({&unchanged, 1}, erasure.changes)));
  domain_.keys().discard(erasure.handles);
  return lift(ports_.audit.record(KeySetDeleted{version}));
}

}  // namespace cardea::card::gp

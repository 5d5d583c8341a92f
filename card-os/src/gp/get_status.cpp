#include "engine/error_map.h"
#include "gp/content.h"
#include "gp/issuer.h"

namespace cardea::card::gp {

namespace {

enum Scope : std::uint8_t { kIssuer = 0x80, kApplications = 0x40, kLoadFiles = 0x20, kModules = 0x10 };

/// What fits into a short response with MAC and padding around it.
constexpr std::size_t kRoom = 224;

// Card Specification 2.3.1, table 6-1: security domain, and all that comes with being the issuer's.
constexpr auto kIssuerPrivileges = "9EFE80"_hex;
// Default selected.
constexpr auto kApplicationPrivileges = "040000"_hex;
constexpr auto kNoPrivileges = "000000"_hex;
constexpr auto kPackageVersion = "0100"_hex;
constexpr std::uint8_t kLoaded = 0x01;

}  // namespace

CardResult<StoredRegistry> Issuer::registry() {
  return lift(load_registry(ports_.store));
}

/// Content changes on cards that are neither locked nor terminated.
CardResult<StoredRegistry> Issuer::registry_for_change() {
  CARDEA_TRY(auto stored, registry());
  const auto state = stored.registry.card;
  if (state == CardState::card_locked || state == CardState::terminated)
    return refuse(sw::kConditionsNotSatisfied);
  return stored;
}

// Card Specification 2.3.1, 11.4 GET STATUS. The built-in application is always there to be installed, also
// while it is not.
CardResult<Reply> Issuer::get_status(const Command& command) {
  constexpr std::uint8_t kNext = 0x03;
  const auto query = parse_status_query(command.data);
  if (!query) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto stored, registry());
  const auto& state = stored.registry;

  std::vector<RegistryEntry> entries;
  if (command.p1 == kIssuer) {
    entries.push_back({to_bytes(aid_.octets()),
                       static_cast<std::uint8_t>(state.card),
                       to_bytes(kIssuerPrivileges),
                       {},
                       {},
                       {},
                       {}});
  } else if (command.p1 == kApplications) {
    if (state.piv != application::kDeleted) {
      entries.push_back({to_bytes(instance_.octets()),
                         state.piv,
                         to_bytes(kApplicationPrivileges),
                         to_bytes(kPackage),
                         to_bytes(aid_.octets()),
                         {},
                         {}});
    }
  } else {
    entries.push_back({to_bytes(kPackage),
                       kLoaded,
                       to_bytes(kNoPrivileges),
                       {},
                       to_bytes(aid_.octets()),
                       to_bytes(kPackageVersion),
                       command.p1 == kModules ? to_bytes(kModule) : Bytes{}});
  }

  const bool next = command.p2 == kNext;
  const auto from = std::exchange(status_at_, 0);
  if (next && from == 0) return refuse(sw::kReferencedDataNotFound);
  auto page = status_page(entries, *query, next ? from : 0, kRoom);
  if (page.data.empty()) return refuse(sw::kReferencedDataNotFound);
  status_at_ = page.next;
  constexpr apdu::StatusWord kMoreOccurrences{0x6310};
  return Reply{std::move(page.data), page.next == 0 ? sw::kOk : kMoreOccurrences};
}

}  // namespace cardea::card::gp

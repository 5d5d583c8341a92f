#include <array>

#include "engine/error_map.h"
#include "gp/content.h"
#include "gp/issuer.h"

namespace cardea::card::gp {

namespace {

constexpr std::array<std::uint8_t, 1> kNoReceipt{0x00};

Reply without_receipt() {
  return Reply{to_bytes(kNoReceipt)};
}

constexpr std::uint8_t kInstallBit = 0x04;
constexpr std::uint8_t kSelectableBit = 0x08;

}  // namespace

// Card Specification 2.3.1, 11.5 INSTALL [for load]: what can be loaded is built in. Its fields are package,
// security domain, hash, parameters and token.
CardResult<Reply> Issuer::install_for_load(const Command& command) {
  CARDEA_CHECK(registry_for_change());
  const auto fields = read_fields(command.data, 5);
  if (!fields) return refuse(sw::kWrongData);
  return refuse(equal(fields->front(), kPackage) ? sw::kConditionsNotSatisfied : sw::kWrongData);
}

// 11.6 LOAD: applications of a virtual card are the server's.
CardResult<Reply> Issuer::load(const Command&) {
  return refuse(sw::kFunctionNotSupported);
}

// 11.5 INSTALL [for install], [for make selectable] and both. Fields: package, module, instance, privileges,
// parameters, token.
CardResult<Reply> Issuer::install(const Command& command) {
  enum Field : std::size_t { package, module, instance, privileges, parameters, token };
  const auto fields = read_fields(command.data, 6);
  if (!fields) return refuse(sw::kWrongData);
  const auto field = [&](Field which) { return fields->at(which); };
  // A token is of delegated management, which nobody has here.
  if (!is_piv(field(instance)) || !field(token).empty()) return refuse(sw::kWrongData);
  const auto size = field(privileges).size();
  if (size > 3 || size == 2) return refuse(sw::kWrongData);
  if ((command.p1 & kInstallBit) == 0) {
    CARDEA_CHECK(make_selectable());
    return without_receipt();
  }
  if (!equal(field(package), kPackage) || !equal(field(module), kModule))
    return refuse(sw::kReferencedDataNotFound);
  CARDEA_CHECK(make_application((command.p1 & kSelectableBit) != 0));
  return without_receipt();
}

// Of several sessions that make it at once the last to claim it goes through. The others are told what they
// would be told a moment later. Where something else in the registry has changed meanwhile, it is begun anew.
CardResult<void> Issuer::make_application(bool selectable) {
  constexpr unsigned kMostChanges = 16;
  std::optional<std::uint64_t> instance;  // if it is another one now, another session has claimed it
  for (unsigned i = 0; i <= kMostChanges; ++i) {
    CARDEA_TRY(const auto stored, registry_for_change());
    const bool another = instance && stored.registry.instance != *instance;
    if (managed_ == nullptr || stored.registry.piv != application::kDeleted || another)
      return refuse(sw::kConditionsNotSatisfied);
    auto claimed = stored.registry;
    ++claimed.instance;
    auto after = claimed;
    after.piv = selectable ? application::kSelectable : application::kInstalled;
    CARDEA_TRY(const auto making, managed_->make({kRegistryId, stored.octets}, {kRegistryId, encode(claimed)},
                                                 {kRegistryId, encode(after)}));
    if (making == Making::finished)
      return lift(ports_.audit.record(ApplicationStateChanged{application::kDeleted, after.piv}));
    instance = making == Making::overtaken ? claimed.instance : stored.registry.instance;
  }
  return refuse(sw::kUnspecified);
}

CardResult<void> Issuer::make_selectable() {
  CARDEA_TRY(const auto stored, registry_for_change());
  if (stored.registry.piv == application::kDeleted) return refuse(sw::kReferencedDataNotFound);
  if (stored.registry.piv != application::kInstalled) return refuse(sw::kConditionsNotSatisfied);
  return change_application(stored, application::kSelectable);
}

// 11.5 INSTALL [for personalization]: STORE DATA goes to the application until the channel ends.
CardResult<Reply> Issuer::install_for_personalization(const Command& command) {
  CARDEA_TRY(const auto stored, registry_for_change());
  const auto fields = read_fields(command.data, 6);
  if (!fields) return refuse(sw::kWrongData);
  const auto state = stored.registry.piv;
  if (!is_piv(fields->at(2)) || state == application::kDeleted) return refuse(sw::kReferencedDataNotFound);
  if (managed_ == nullptr || !application::is_usable(state)) return refuse(sw::kConditionsNotSatisfied);
  collection_.clear();
  personalizing_ = stored.registry.instance;
  return without_receipt();
}

// 11.5 INSTALL [for extradition]: there is no other security domain to go to.
CardResult<Reply> Issuer::extradite(const Command&) {
  return refuse(sw::kFunctionNotSupported);
}

}  // namespace cardea::card::gp

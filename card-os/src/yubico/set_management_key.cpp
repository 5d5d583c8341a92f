#include "engine/error_map.h"
#include "piv/factory.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

struct Request {
  Algorithm algorithm = Algorithm::tdes;
  SecretBytes key;
};

/// `alg 9B len key`.
CardResult<Request> parse(BytesView data) {
  constexpr std::size_t kHeader = 3;
  if (data.size() < kHeader || data[1] != kManagementKey) return refuse(sw::kWrongData);
  const auto algorithm = algorithm_of(data[0]);
  if (!algorithm || !is_symmetric(*algorithm)) return refuse(sw::kWrongData);
  const auto key = data.subspan(kHeader);
  if (data[2] != key.size() || key.size() != key_size(*algorithm)) return refuse(sw::kWrongData);
  return Request{*algorithm, SecretBytes{key}};
}

}  // namespace

// FF SET MANAGEMENT KEY; P2 = FE asks for a touch at each use. Weak triple DES keys are not refused,
// since the factory value is one: set again, it is reported as what it is. Whoever sets the key knows it and
// stays administrator; in other sessions the status ends.
CardResult<Reply> Piv::set_management_key(const Command& command) {
  constexpr std::uint8_t kWithTouch = 0xFE;
  CARDEA_TRY(const auto request, parse(command.data));
  if (!ports_.keys.supports(request.algorithm)) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto* present, management_key());
  const std::optional<KeyRecord> old{present->record};
  CARDEA_TRY(const auto slot, next_slot(kManagementKey, old, PinPolicy::never));

  CARDEA_TRY(auto handle, lift(ports_.keys.import_symmetric(slot, request.algorithm, request.key)));
  const auto touch = command.p2 == kWithTouch ? TouchPolicy::always : TouchPolicy::never;
  const bool known = is_factory_management_key(request.algorithm, request.key.expose());
  const KeyRecord fresh{std::move(handle), KeyOrigin::imported, PinPolicy::never, touch, known};
  state_.administrator.reset();
  CARDEA_CHECK(replace_key(fresh, old));
  state_.administrator = fingerprint_of(fresh);
  return Reply{};
}

}  // namespace cardea::card::piv

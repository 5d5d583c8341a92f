#include <algorithm>
#include <array>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/piv.h"
#include "piv/public_key.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

enum Tag : std::uint32_t {
  kAlgorithm = 1,
  kPolicy = 2,
  kOrigin = 3,
  kPublicKey = 4,
  kFactoryValue = 5,
  kTries = 6
};

template <class... Octets>
void append_octets(Bytes& out, Tag tag, Octets... octets) {
  apdu::append_tlv(out, tag,
                   std::array<std::uint8_t, sizeof...(octets)>{static_cast<std::uint8_t>(octets)...});
}

Bytes describe(const PinStatus& pin) {
  Bytes out;
  append_octets(out, kAlgorithm, 0xFF);
  append_octets(out, kFactoryValue, pin.factory_value ? 1 : 0);
  append_octets(out, kTries, std::min(pin.tries_max, 255U), std::min(pin.tries_left, 255U));
  return out;
}

Bytes describe_management_key(const KeyRecord& key) {
  Bytes out;
  append_octets(out, kAlgorithm, id_of(key.handle.algorithm));
  append_octets(out, kPolicy, 0x00, key.touch_policy);  // no PIN policy here
  append_octets(out, kFactoryValue, key.factory_value ? 1 : 0);
  return out;
}

Bytes describe(const KeyRecord& key) {
  Bytes out;
  append_octets(out, kAlgorithm, id_of(key.handle.algorithm));
  append_octets(out, kPolicy, key.pin_policy, key.touch_policy);
  append_octets(out, kOrigin, key.origin);
  if (!is_symmetric(key.handle.algorithm)) {
    apdu::append_tlv(out, kPublicKey, public_key_objects(key.handle.public_key));
  }
  return out;
}

}  // namespace

// F7 GET METADATA.
CardResult<Reply> Piv::metadata(const Command& command) {
  const auto reference = command.p2;
  if (reference == kApplicationPin || reference == kPuk) {
    CARDEA_TRY(const auto status, lift(ports_.pins.status(static_cast<PinRef>(reference))));
    return Reply{describe(status)};
  }
  if (reference == kManagementKey) {
    CARDEA_TRY(const auto* key, management_key());
    return Reply{describe_management_key(key->record)};
  }
  if (!is_key_slot(reference)) return refuse(sw::kReferencedDataNotFound);
  CARDEA_TRY(const auto key, load_key(reference));
  if (!key) return refuse(sw::kReferencedDataNotFound);
  return Reply{describe(*key)};
}

}  // namespace cardea::card::piv

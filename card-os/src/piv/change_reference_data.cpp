#include "engine/error_map.h"
#include "piv/pin_format.h"
#include "piv/piv.h"

namespace cardea::card::piv {

// SP 800-73-4 Part 2, 3.2.2 CHANGE REFERENCE DATA. The old value is checked before the format of the new one:
// a wrong guess costs a try whatever it is accompanied by. Where the client has told that the new value will
// not do, or could not have looked, nothing is tried at all.
CardResult<Reply> Piv::change_pin(const Command& command) {
  if (command.data.size() != 2 * kPinSize) return refuse(sw::kWrongData);
  const auto old_field = BytesView{command.data}.first(kPinSize);
  const auto new_field = BytesView{command.data}.last(kPinSize);

  if (refused_at_sight(new_field)) return refuse(sw::kWrongData);
  const auto before = std::exchange(state_.verified, std::nullopt);
  CARDEA_TRY(const auto status, present_pin(PinRef::application, old_field));
  if (!acceptable_pin(new_field)) {
    state_.verified = before;  // 6A80 leaves the security status as it was
    return refuse(sw::kWrongData);
  }

  CARDEA_CHECK(set_pin(PinRef::application, new_field, status.version));

  // Who changes the PIN knows it: verified, unless somebody else has replaced it in the meantime.
  CARDEA_TRY(const auto now, lift(ports_.pins.status(PinRef::application)));
  if (now.version == status.version + 1) state_.verified = now.version;
  return Reply{};
}

// The same for the PUK: eight octets of any value.
CardResult<Reply> Piv::change_puk(const Command& command) {
  if (command.data.size() != 2 * kPinSize) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto status, present_pin(PinRef::puk, BytesView{command.data}.first(kPinSize)));
  CARDEA_CHECK(set_pin(PinRef::puk, BytesView{command.data}.last(kPinSize), status.version));
  return Reply{};
}

}  // namespace cardea::card::piv

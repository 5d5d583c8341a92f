#include "piv/pin_format.h"
#include "piv/piv.h"

namespace cardea::card::piv {

// SP 800-73-4 Part 2, 3.2.3 RESET RETRY COUNTER: the PUK gives the PIN a new value and its tries back. The
// PUK is checked first. The PIN is not verified afterwards; its new version ends what was verified in other
// sessions.
CardResult<Reply> Piv::reset_retry_counter(const Command& command) {
  if (command.data.size() != 2 * kPinSize) return refuse(sw::kWrongData);
  const auto new_field = BytesView{command.data}.last(kPinSize);
  if (refused_at_sight(new_field)) return refuse(sw::kWrongData);
  CARDEA_CHECK(present_pin(PinRef::puk, BytesView{command.data}.first(kPinSize)));
  if (!acceptable_pin(new_field)) return refuse(sw::kWrongData);

  state_.verified.reset();
  CARDEA_CHECK(set_pin(PinRef::application, new_field));
  return Reply{};
}

}  // namespace cardea::card::piv

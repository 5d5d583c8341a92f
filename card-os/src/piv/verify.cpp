#include "engine/error_map.h"
#include "piv/pin_format.h"
#include "piv/piv.h"

namespace cardea::card::piv {

// SP 800-73-4 Part 2, 3.2.1 VERIFY without data: how do things stand. Spends no try.
CardResult<Reply> Piv::pin_status(const Command&) {
  CARDEA_TRY(const auto status, lift(ports_.pins.status(PinRef::application)));
  if (status.tries_left == 0) return refuse(sw::kAuthBlocked);
  if (state_.verified == status.version) return Reply{};
  return refuse(sw::tries_left(status.tries_left));
}

// SP 800-73-4 Part 2, 3.2.1 VERIFY. A field that cannot be a PIN is 6A80; of the two answers that the section
// offers then, this is the one that leaves security status and counter as they are. The Yubico profile
// compares whatever has eight octets: its tools block a PIN with eight times FF.
CardResult<Reply> Piv::verify(const Command& command) {
  if (command.data.size() != kPinSize) return refuse(sw::kWrongData);
  if (!well_formed_pin(command.data)) return refuse(sw::kWrongData);

  state_.verified.reset();  // whatever happens below, what was verified before is over
  CARDEA_TRY(const auto status, present_pin(PinRef::application, command.data));
  state_.verified = status.version;  // last: an error above must not leave a door open
  state_.next.fresh_pin = true;
  return Reply{};
}

// SP 800-73-4 Part 2, 3.2.1, P1 = FF: the security status is set to false. Both 6A80 and 6A86 are in use for
// a data field that should not be there; this is the former.
CardResult<Reply> Piv::log_out(const Command& command) {
  if (!command.data.empty()) return refuse(sw::kWrongData);
  state_.verified.reset();
  ports_.keys.end_session();
  return Reply{};
}

// "Key reference not found": 00 (global PIN), 96 to 98 and the rest are not on this card.
CardResult<Reply> Piv::no_such_reference(const Command&) {
  return refuse(sw::kReferencedDataNotFound);
}

}  // namespace cardea::card::piv

#include "piv/pin_format.h"
#include "piv/piv.h"

namespace cardea::card::piv {

// FA SET PIN RETRIES: P1 tries for the PIN, P2 for the PUK. Both go back to their factory values, so nobody
// is verified afterwards.
CardResult<Reply> Piv::set_retries(const Command& command) {
  if (!command.data.empty()) return refuse(sw::kWrongLength);
  state_.verified.reset();
  const PinEvidence pin{PlainPin{SecretBytes{factory_value(PinRef::application)}}};
  const PinEvidence puk{PlainPin{SecretBytes{factory_value(PinRef::puk)}}};
  PinUpdate updates[] = {
      {PinRef::application, &pin, true, command.p1, std::nullopt, PinSource::card},
      {PinRef::puk, &puk, true, command.p2, std::nullopt, PinSource::card},
  };
  CARDEA_CHECK(replace_pins(updates));
  return Reply{};
}

}  // namespace cardea::card::piv

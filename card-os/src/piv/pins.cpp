#include "engine/error_map.h"
#include "piv/pin_format.h"
#include "piv/piv.h"

namespace cardea::card::piv {

/// Verified in this session, under the value that the PIN still has, and not blocked by anyone since.
CardResult<bool> Piv::pin_verified() {
  if (!state_.verified) return false;
  CARDEA_TRY(const auto status, lift(ports_.pins.status(PinRef::application)));
  return status.version == *state_.verified && status.tries_left > 0;
}

/// Spends a try. The status after a match, or 63CX or 6983. Does not touch the session: that is the caller's.
CardResult<PinStatus> Piv::present_pin(PinRef reference, BytesView field) {
  const PinEvidence evidence{PlainPin{SecretBytes{field}}};
  CARDEA_TRY(const auto verdict, lift(ports_.pins.verify(reference, evidence)));
  CARDEA_CHECK(lift(ports_.audit.record(PinTried{reference, verdict.match, verdict.status.tries_left})));
  if (verdict.match) return verdict.status;
  const auto left = verdict.status.tries_left;
  return refuse(left == 0 ? sw::kAuthBlocked : sw::tries_left(left));
}

CardResult<void> Piv::replace_pins(std::span<const PinUpdate> updates) {
  CARDEA_CHECK(lift(ports_.pins.replace(updates)));
  for (const auto& update : updates)
    CARDEA_CHECK(lift(ports_.audit.record(PinReplaced{update.ref})));
  return {};
}

// SP 800-73-4 Part 2, 2.4.3: "PIV Card Application PIN and the Global PIN shall be between 6 and 8 bytes",
// digits only. Yubico takes any octets.
bool Piv::acceptable_pin(BytesView field) const {
  return profile_.yubico ? is_padded_pin(field) : is_decimal_pin(field);
}

}  // namespace cardea::card::piv

#include "engine/error_map.h"
#include "piv/factory.h"
#include "piv/pin_format.h"
#include "piv/piv.h"

namespace cardea::card::piv {

/// Verified in this session, under the value that the PIN still has, and not blocked by anyone since.
CardResult<bool> Piv::pin_verified() {
  if (!state_.verified) return false;
  CARDEA_TRY(const auto status, lift(ports_.pins.status(PinRef::application)));
  return status.version == *state_.verified && status.tries_left > 0;
}

/// Spends a try. The status after a match, or 63CX or 6983: the same when a login was opened, which may still
/// prove right. Does not touch the session: that is the caller's.
CardResult<PinStatus> Piv::present_pin(PinRef reference, BytesView field) {
  const PinEvidence plain{PlainPin{pins_ == nullptr ? SecretBytes{field} : SecretBytes{}, came_encrypted()}};
  CARDEA_TRY(const auto verdict,
             lift(ports_.pins.verify(reference, pins_ == nullptr ? plain : pins_->shown)));
  const auto left = verdict.status.tries_left;
  if (verdict.open) {
    CARDEA_CHECK(lift(ports_.audit.record(PinChallenged{reference, left})));
  } else {
    CARDEA_CHECK(lift(ports_.audit.record(PinTried{reference, verdict.match, left})));
  }
  if (verdict.match) return verdict.status;
  return refuse(left == 0 ? sw::kAuthBlocked : sw::tries_left(left));
}

/// One new value, from the data field or from what came in its place; where the old one was shown, for that
/// version only. The factory's is taken, as by the cards that this one imitates, and told from others; where
/// the card cannot look at it, the client has.
CardResult<void> Piv::set_pin(PinRef reference, BytesView field, std::optional<std::uint64_t> replaces) {
  if (pins_ != nullptr && !pins_->replacement) return refuse(sw::kWrongData);
  const PinEvidence plain{PlainPin{pins_ == nullptr ? SecretBytes{field} : SecretBytes{}, came_encrypted()}};
  const bool known = pins_ == nullptr && equal(field, factory_value(reference));
  PinUpdate update{reference, pins_ == nullptr ? &plain : &*pins_->replacement,         known, std::nullopt,
                   replaces,  through_channel() ? PinSource::issuer : PinSource::holder};
  return replace_pins({&update, 1});
}

/// The values that they replace are those of the application that the command began with: PINs are no
/// records, and an application that is made anew has PINs of other versions. `conflict`, which is 6F00, when
/// another session has replaced one of them meanwhile.
CardResult<void> Piv::replace_pins(std::span<PinUpdate> updates) {
  for (auto& update : updates) {
    if (update.replaces) continue;
    CARDEA_TRY(update.replaces, lift(pin_version(ports_.pins, update.ref)));
  }
  CARDEA_CHECK(registration_.still_there());
  if (const auto replaced = ports_.pins.replace(updates); !replaced) {
    if (replaced.error().code == Errc::conflict) CARDEA_CHECK(registration_.still_there());
    return lift(replaced);
  }
  for (const auto& update : updates)
    CARDEA_CHECK(lift(ports_.audit.record(PinReplaced{update.ref})));
  return {};
}

// What does not stand in the data field, the card cannot look at: the client has, and says so.
bool Piv::well_formed_pin(BytesView field) const {
  if (profile_.yubico) return true;
  if (pins_ == nullptr) return is_decimal_pin(field);
  const auto* opening = std::get_if<PinOpening>(&pins_->shown);
  return opening == nullptr || opening->well_formed;
}

/// Whether nothing is tried, because the new value will not do anyway: a login is opened whose client says
/// so, or the value came hidden from any client's eyes. Then the card looks at it as a client would.
bool Piv::refused_at_sight(BytesView new_field) const {
  if (pins_ == nullptr) return came_encrypted() && !may_issue_pin(PinRef::application, new_field);
  const auto* opening = std::get_if<PinOpening>(&pins_->shown);
  return opening != nullptr && !opening->new_well_formed;
}

// SP 800-73-4 Part 2, 2.4.3: "PIV Card Application PIN and the Global PIN shall be between 6 and 8 bytes",
// digits only. Yubico takes any octets.
bool Piv::acceptable_pin(BytesView field) const {
  if (pins_ == nullptr) return profile_.yubico ? is_padded_pin(field) : is_decimal_pin(field);
  const auto* opening = std::get_if<PinOpening>(&pins_->shown);
  return opening != nullptr ? opening->new_well_formed : pins_->replacement.has_value();
}

}  // namespace cardea::card::piv

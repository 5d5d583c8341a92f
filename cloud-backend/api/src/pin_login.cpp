#include "cardea/api/pin_login.h"

#include <utility>

#include "cardea/apdu/command.h"
#include "cardea/api/card_secret.h"
#include "cardea/pin_values.h"

namespace cardea::api {
namespace {

constexpr std::uint8_t kPuk = 0x81;

std::string_view holder_of(std::uint8_t reference) {
  return reference == kPuk ? card_secret::kPuk : card_secret::kPin;
}

/// The command as a whole, with zeroes for its PINs: the parts of a chain have been sent, and used up.
Bytes whole_command(BytesView last_part, std::size_t field_size) {
  return apdu::encode(apdu::Command{last_part[0], last_part[1], last_part[2], last_part[3], Bytes(field_size),
                                    std::nullopt, false});
}

Bytes context_of(const LoginPlace& place, std::uint8_t reference) {
  return opaque::encode(opaque::LoginContext{place.tenant, place.card, reference, place.tls_exporter,
                                             place.device_thumbprint, place.access_token_hash});
}

}  // namespace

Result<PinLogin> PinLogin::start(StrippedCommand command, PinForm form) {
  PinLogin out;
  out.apdu_ = std::move(command.apdu);
  if (!command.shown) return out;
  const auto& shown = *command.shown;
  out.reference_ = shown.reference;
  out.new_reference_ = shown.new_reference;
  const bool changes = out.sets_a_value();
  out.new_well_formed_ = !changes;
  const auto field = shown.field.expose();
  out.whole_ = whole_command(out.apdu_, field.size());
  // Of a field of another length nobody knows where one value ends; the card refuses it for its length.
  if (changes && field.size() != 2 * kPaddedPinSize) return out;
  const auto value = changes ? field.first(kPaddedPinSize) : field;
  out.well_formed_ = shown.reference == kPuk ? may_become_puk(form, value) : can_be_pin(form, value);
  CARDEA_TRY(out.login_, opaque::ClientLogin::start(SecretBytes{opaque::password_in(value)}));
  if (!changes) return out;
  const auto fresh = field.last(kPaddedPinSize);
  const bool acceptable =
      shown.new_reference == kPuk ? may_become_puk(form, fresh) : may_become_pin(form, fresh);
  // Yubico's tools count on a wrong value costing its try whatever it is accompanied by. Without a record the
  // card refuses the new one when the old one has been proven.
  out.new_well_formed_ = acceptable || form == PinForm::padded;
  if (!acceptable) return out;
  // Taken, as by the card that the profile imitates; but the server cannot see it, and is told.
  out.new_factory_value_ = equal(fresh, shown.new_reference == kPuk ? factory_puk() : factory_pin());
  CARDEA_TRY(out.registration_, opaque::ClientRegistration::start(SecretBytes{opaque::password_in(fresh)}));
  return out;
}

PinOpeningStep PinLogin::opening() const {
  PinOpeningStep step;
  step.apdu = apdu_;
  if (login_) step.ke1 = login_->ke1();
  if (registration_) step.new_value = to_bytes(registration_->request());
  step.well_formed = well_formed_;
  step.new_well_formed = new_well_formed_;
  step.new_factory_value = new_factory_value_;
  return step;
}

Result<PinLogin::Proof> PinLogin::finish(const PinChallenge& challenge, const LoginPlace& place) && {
  if (!login_) return fail(Errc::corrupt, "the server answered a question that was not asked");
  CARDEA_TRY(const auto ksf, opaque::parse_ksf(challenge.ksf));
  CARDEA_TRY(auto done, (*std::move(login_)).finish(challenge.ke2, context_of(place, reference_), ksf));
  Proof proof;
  proof.ke3 = done.ke3;
  proof.session_key = std::move(done.session_key);
  proof.generation = challenge.generation;
  proof.step.apdu = std::move(whole_);

  // The card's secret, where this value has a copy of it: lent to the server for as long as the holder is in.
  std::optional<hpke::KeyPair> secret;
  if (!challenge.secret_copy.empty()) {
    CARDEA_TRY(secret, card_secret::open_copy({place.tenant, place.card, holder_of(reference_)},
                                              done.export_key.expose(), challenge.secret_copy));
    proof.step.secret = to_bytes(secret->private_key.expose());
  }
  if (!registration_) return proof;

  CARDEA_TRY(const auto new_ksf, opaque::parse_ksf(challenge.new_ksf));
  CARDEA_TRY(auto registered, (*std::move(registration_)).finish(challenge.new_value, new_ksf));
  proof.step.record = std::move(registered.record);
  if (!secret) return proof;
  CARDEA_TRY(proof.step.secret_copy,
             card_secret::seal_copy({place.tenant, place.card, holder_of(new_reference_)},
                                    registered.export_key.expose(), *secret));
  return proof;
}

}  // namespace cardea::api

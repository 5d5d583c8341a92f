#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"
#include "piv/card_record.h"
#include "piv/objects.h"
#include "piv/piv.h"
#include "piv/references.h"
#include "yubico/version.h"

namespace cardea::card::piv {

namespace {
constexpr std::uint8_t kAttestationKey = 0xF9;
}  // namespace

// F9 ATTEST: a certificate by which the vault vouches for a key that was made on the card. An imported key is
// 6A80; so is one of which the vault does not know how it was made. 6A88 says that there is nothing to
// attest, or nobody who could; 6982 that the vault needs the holder for it.
CardResult<Reply> Piv::attest(const Command& command) {
  if (!is_key_slot(command.p1)) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto key, load_key(command.p1));
  if (!key) return refuse(sw::kReferencedDataNotFound);
  if (key->origin == KeyOrigin::imported) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto card, lift(load_card_record(ports_.store)));

  const AttestationFacts facts{yubico::kVersion, card.serial, static_cast<std::uint8_t>(key->pin_policy),
                               static_cast<std::uint8_t>(key->touch_policy), yubico::kFormFactor};
  auto certificate = ports_.keys.attest(key->handle, facts);
  if (!certificate && certificate.error().code == Errc::unsupported)
    return refuse(sw::kReferencedDataNotFound);
  const KeyUsed event{kAttestationKey, Algorithm::p256, KeyOperation::sign, certificate.has_value()};
  CARDEA_CHECK(lift(ports_.audit.record(event)));
  CARDEA_TRY(auto der, lift(std::move(certificate)));
  return Reply{std::move(der)};
}

// The certificate of the key that attests, wrapped as every PIV certificate is: as long as nobody has written
// another into its object.
CardResult<Bytes> Piv::attestation_object() {
  const auto certificate = ports_.keys.attestation_certificate();
  if (!certificate) {
    if (certificate.error().code == Errc::unsupported) return refuse(sw::kNotFound);
    return refuse(status_word(certificate.error()));
  }
  constexpr auto kPlain = "00"_hex;
  return concat({apdu::make_tlv(0x70, *certificate), apdu::make_tlv(0x71, kPlain), apdu::make_tlv(0xFE, {})});
}

}  // namespace cardea::card::piv

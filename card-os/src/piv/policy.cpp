#include "piv/policy.h"

#include "piv/references.h"

namespace cardea::card::piv {

namespace sw = apdu::sw;

namespace {

/// One octet from 1 to 3; `fallback` when the object is absent or 00.
CardResult<std::uint8_t> read_policy(const std::vector<apdu::Tlv>& objects, std::uint32_t tag,
                                     std::uint8_t fallback) {
  constexpr std::uint8_t kHighest = 3;
  const auto value = apdu::find(objects, tag);
  if (!value) return fallback;
  if (value->size() != 1 || value->front() > kHighest) return refuse(sw::kWrongData);
  return value->front() == 0 ? fallback : value->front();
}

}  // namespace

PinPolicy default_pin_policy(std::uint8_t reference) {
  if (reference == kSignatureKey) return PinPolicy::always;
  if (reference == kCardAuthenticationKey || reference == kSecureMessagingKey) return PinPolicy::never;
  return PinPolicy::once;
}

CardResult<Policies> read_policies(const std::vector<apdu::Tlv>& objects, std::uint8_t reference) {
  const auto default_pin = static_cast<std::uint8_t>(default_pin_policy(reference));
  CARDEA_TRY(const auto pin, read_policy(objects, 0xAA, default_pin));
  CARDEA_TRY(const auto touch, read_policy(objects, 0xAB, static_cast<std::uint8_t>(TouchPolicy::never)));
  return Policies{static_cast<PinPolicy>(pin), static_cast<TouchPolicy>(touch)};
}

}  // namespace cardea::card::piv

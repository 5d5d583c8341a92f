#pragma once

#include <vector>

#include "cardea/apdu/tlv.h"
#include "cardea/card/result.h"
#include "piv/key_record.h"

namespace cardea::card::piv {

struct Policies {
  PinPolicy pin = PinPolicy::once;
  TouchPolicy touch = TouchPolicy::never;
};

/// SP 800-73-4: 9C "PIN always", 9E and the secure messaging key never, all others once.
PinPolicy default_pin_policy(std::uint8_t reference);

/// Yubico's AA (PIN) and AB (touch) among `objects`; the defaults where they are absent or 00. 6A80 for a
/// value that is not specified, and for 04 and 05, which need a fingerprint reader.
CardResult<Policies> read_policies(const std::vector<apdu::Tlv>& objects, std::uint8_t reference);

}  // namespace cardea::card::piv

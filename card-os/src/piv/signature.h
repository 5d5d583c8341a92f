#pragma once

#include <cstddef>

#include "cardea/bytes.h"

namespace cardea::card::piv {

/// A hash as ECDSA takes it in a field of `size` octets: a shorter one with zeroes in front, a longer one cut
/// to its leftmost octets (FIPS 186-4, 6.4).
Bytes fit_hash(BytesView hash, std::size_t size);

/// r ‖ s, both of the same size, as `SEQUENCE {INTEGER r, INTEGER s}` in DER (SP 800-73-4 Part 2, appendix
/// A.4).
Bytes der_signature(BytesView r_s);

}  // namespace cardea::card::piv

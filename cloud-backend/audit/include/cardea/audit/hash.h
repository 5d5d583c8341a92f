#pragma once

#include <array>
#include <cstdint>

#include "cardea/bytes.h"

namespace cardea::audit {

using Hash = std::array<std::uint8_t, 32>;

Hash sha256(BytesView data);
/// RFC 9162, 2.1.1: SHA-256(00 | data).
Hash leaf_hash(BytesView data);
/// RFC 9162, 2.1.1: SHA-256(01 | left | right).
Hash node_hash(const Hash& left, const Hash& right);

}  // namespace cardea::audit

#pragma once

#include <string>

#include "cardea/cms/gp/keys.h"
#include "cardea/result.h"

namespace cardea::cms::scp {

/// Keys of a security domain: lines `enc: …`, `mac: …`, `dek: …`, or one line `key: …` for all three, in
/// hexadecimal. 3DES keys have 16 octets, AES keys 16, 24 or 32. Nobody but the owner may read the file.
///
/// Errors: `not_found`, `unavailable`; `denied` (others may read it); `invalid` (lines missing, lengths).
Result<gp::Keyset> read_key_file(const std::string& file, gp::KeyType type, std::uint8_t version);

}  // namespace cardea::cms::scp

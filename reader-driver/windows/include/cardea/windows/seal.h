#pragma once

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::windows {

/// Encrypts for this user on this machine (DPAPI, CryptProtectData): a copy of the disk, and other users,
/// cannot open it. `purpose` has to be the same at both ends. Errors: `unavailable`.
Result<Bytes> seal(const SecretBytes& secret, std::string_view purpose);

/// Errors: `corrupt` when it was sealed for somebody else or something else, or was changed.
Result<SecretBytes> unseal(BytesView sealed, std::string_view purpose);

}  // namespace cardea::windows

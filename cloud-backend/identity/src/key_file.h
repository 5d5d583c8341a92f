#pragma once

#include <filesystem>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::identity {

/// The 32 secret octets in `file`, made at the first call (mode 0600, directory 0700). Two processes that
/// start at once end with the same key. Errors: `corrupt` (other length, or readable for others),
/// `unavailable`.
Result<SecretBytes> load_or_make_seed(const std::filesystem::path& file);

}  // namespace cardea::identity

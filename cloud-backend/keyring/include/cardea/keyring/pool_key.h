#pragma once

#include <filesystem>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::keyring {

/// Options::pool_key from a file of mode 0600, which is made when it is not there: on the server's disk and
/// not in the database, nor in its backups. Without the file the spare keys of earlier runs are thrown away.
/// Errors: `corrupt`, `unavailable`.
Result<SecretBytes> pool_key_file(const std::filesystem::path& file);

}  // namespace cardea::keyring

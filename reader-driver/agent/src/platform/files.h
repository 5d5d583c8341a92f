#pragma once

#include <filesystem>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::agent {

/// Where the agent of this user keeps things unless told otherwise: $XDG_STATE_HOME/cardea or
/// ~/.local/state/cardea; %LOCALAPPDATA%\Cardea on Windows. Reads the environment: before there are threads.
std::filesystem::path default_state_directory();

/// Makes it and those above it, for its user alone. Errors: `unavailable` with the path and the system's
/// reason.
Result<void> make_private_directory(const std::filesystem::path& directory);

/// For its user alone. A crash or a power cut leaves the old file or the new one; after success it is the new
/// one.
Result<void> replace_file(const std::filesystem::path& path, BytesView content);

/// The same for a secret that no other user of the machine, and no copy of the disk, is to give away: on
/// Windows it is sealed for this user first.
Result<void> replace_secret_file(const std::filesystem::path& path, const SecretBytes& secret);

/// What `replace_secret_file` wrote. Errors: `not_found`, `corrupt` when it has another size or was not
/// sealed for this user, `unavailable`.
Result<SecretBytes> read_secret_file(const std::filesystem::path& path, std::size_t size);

}  // namespace cardea::agent

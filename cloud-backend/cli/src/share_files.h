#pragma once

#include <filesystem>
#include <string>

#include "cardea/result.h"
#include "cardea/secret.h"
#include "cardea/unseal/shares.h"

namespace cardea::cli {

/// Errors: those of the file and of the share in it.
Result<unseal::Share> share_in(const std::string& file);

/// Durable, mode 0600, and never in the place of another.
Result<void> write_share(const std::filesystem::path& file, const SecretBytes& text);

}  // namespace cardea::cli

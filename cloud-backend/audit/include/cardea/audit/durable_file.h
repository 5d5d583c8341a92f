#pragma once

#include <filesystem>
#include <string_view>

#include "cardea/result.h"

namespace cardea::audit {

/// Puts `text` in place of the file's contents: the old ones or the new ones, whenever the power fails, and
/// the new ones once it has returned. Mode 0600. Errors: `exhausted` (the disk is full), `unavailable`.
Result<void> write_durably(const std::filesystem::path& file, std::string_view text);

}  // namespace cardea::audit

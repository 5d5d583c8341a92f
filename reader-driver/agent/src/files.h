#pragma once

#include <filesystem>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::agent {

/// `unavailable`, with the path and the system's reason.
tl::unexpected<Error> file_error(const std::filesystem::path& path, int number);

/// Mode 0600. A crash or a power cut leaves the old file or the new one; after success it is the new one.
Result<void> replace_file(const std::filesystem::path& path, BytesView content);

}  // namespace cardea::agent

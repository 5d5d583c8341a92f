#pragma once

#include <filesystem>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::unseal {

/// Nothing when there is no such file. Errors: `denied` when others may read it, `corrupt` above 64 KiB,
/// `unavailable`.
Result<std::optional<Bytes>> read_private_file(const std::filesystem::path& path);

/// By a file beside it that takes its place: all or nothing, durable, mode 0600. Errors: `unavailable`.
Result<void> replace_private_file(const std::filesystem::path& path, BytesView content);

/// Gone, and durably so. Good also when it was not there.
Result<void> remove_file(const std::filesystem::path& path);

}  // namespace cardea::unseal

#pragma once

#include <filesystem>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::ca {

// Secrets from outside, read into memory that is wiped and does not grow: neither a stream's buffer nor one
// that was given back keeps a copy.

/// A whole file of at most 64 KiB. Errors: `not_found`, `unavailable`, `invalid` when it is longer.
Result<SecretBytes> read_secret_file(const std::filesystem::path& path);

/// One line with its end, octet by octet, of at most 4 KiB: what comes after it stays where it is. Errors:
/// `unavailable`.
Result<SecretBytes> read_secret_line(int descriptor);

/// The first line of a text, without its end.
SecretBytes first_line(const SecretBytes& text);

}  // namespace cardea::cms::ca

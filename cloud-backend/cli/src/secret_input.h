#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cli {

// Secrets from files and people: octet by octet into memory that is wiped and does not grow. A stream would
// keep what it has read.

/// The next line, without its end and carriage returns; nothing at the end. What is longer than 1024 octets
/// is cut off there: no secret here is.
std::optional<SecretBytes> secret_line(int descriptor);

/// A whole file of at most 64 KiB. Errors: `not_found`, `invalid`.
Result<SecretBytes> secret_file(const std::string& file);

/// The first line of a file, or the next of standard input ("-"). Errors: `not_found`.
Result<SecretBytes> secret_line_of(const std::string& file);

/// The characters of a secret, which it has to outlive.
std::string_view characters_of(const SecretBytes& secret);

}  // namespace cardea::cli

#pragma once

#include <string>

#include "cardea/result.h"
#include "cardea/secret.h"
#include "platform/input.h"

namespace cardea::agent {

// Secrets from outside: octet by octet into memory that is wiped and does not grow, so that neither a
// stream's buffer nor one that was given back keeps a copy.

/// One line; what comes after it is left where it is. Errors: `invalid` with `what`, never with what was
/// read.
Result<SecretBytes> read_secret_line(Input& from, const std::string& what);

/// A whole file, or whatever else can be opened by that name, of at most 64 KiB. Errors: `unavailable` when
/// it cannot be read, `invalid` when it is longer.
Result<SecretBytes> read_whole_secret(const std::string& file);

}  // namespace cardea::agent

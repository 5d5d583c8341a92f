#pragma once

#include <string>

#include "cardea/result.h"

namespace cardea::cms::ca {

/// What `openssl cmp` wrote to its standard error, as one sentence for the person at the workstation.
/// `server` is how that person named it.
Error cmp_error(const std::string& errors, const std::string& server);

}  // namespace cardea::cms::ca

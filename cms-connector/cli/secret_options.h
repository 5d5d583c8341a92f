#pragma once

#include "cardea/cms/perso/secrets.h"
#include "options.h"

namespace cardea::cms::cli {

/// What opens the card now: the factory's values, or those of the --current-… files.
Result<perso::Credentials> current_credentials(const Options& options);

/// Those to be set: from files, from a secrets file, or from the terminal. A secret
/// that the plan leaves alone is not read. Errors of files as usual.
Result<perso::NewCredentials> fresh_credentials(const Options& options, const perso::Plan& plan);

}  // namespace cardea::cms::cli

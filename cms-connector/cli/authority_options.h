#pragma once

#include <memory>

#include "cardea/cms/ca/authority.h"
#include "cardea/cms/ca/remote.h"
#include "options.h"
#include "outcome.h"

namespace cardea::cms::cli {

/// What the --ca… options say of an authority on the network.
ca::RemoteSettings remote_settings(const Options& options);

/// The authority that the --ca… options name; without --execute one that only says what it would be asked.
Outcome<std::unique_ptr<ca::Authority>> open_authority(const Options& options);

}  // namespace cardea::cms::cli

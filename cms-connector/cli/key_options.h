#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "cardea/cms/perso/key_source.h"
#include "options.h"
#include "outcome.h"

namespace cardea::cms::cli {

/// "9A", "82": the slots' key references.
Outcome<std::set<std::uint8_t>> named_slots(const std::vector<std::string>& names);

/// The slots for which --import-key names a file.
Outcome<std::set<std::uint8_t>> imported_slots(const Options& options);

/// What --import-key, --import-pass-file, --escrow-to and --escrow-dir say; nothing where the plan has no
/// such key. What cannot be used, or is missing for a step that is not in `done`, is found out here, before a
/// card is looked for. Without --execute no copy is written.
Outcome<std::unique_ptr<perso::KeySource>> open_key_source(const Options& options, const perso::Plan& plan,
                                                           const std::set<std::string>& done);

}  // namespace cardea::cms::cli

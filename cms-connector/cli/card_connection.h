#pragma once

#include "cardea/cms/pcsc.h"
#include "options.h"
#include "outcome.h"

namespace cardea::cms::cli {

/// The card in the reader of that name, waited for as the options say.
Outcome<Connected> connect(const Options& options, const std::string& reader);

}  // namespace cardea::cms::cli

#pragma once

#include <string>
#include <vector>

namespace cardea::agent {

/// What `run --readers` takes on this system; the first is the default. Windows has no pcscd.
std::vector<std::string> reader_kinds();

}  // namespace cardea::agent

#pragma once

namespace cardea::cms::cli {

/// SIGINT and SIGTERM: the first lets the step that is running end, the second ends the program as it always
/// did.
void listen_for_signals();

bool interrupted();

}  // namespace cardea::cms::cli

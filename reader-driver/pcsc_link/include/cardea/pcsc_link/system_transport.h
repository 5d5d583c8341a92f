#pragma once

#include <memory>
#include <string>

#include "cardea/pcsc_link/transport.h"

// The way between connectors and the agent on the system that this is built for: a Unix socket
// (unix_transport.h), or a named pipe. Programs of the same user only.
namespace cardea::pcsc_link {

/// Where the agent listens and connectors look for it. On Windows CARDEA_PCSC_PIPE, or a pipe that has its
/// name from the user. Reads the environment: not while other threads change it.
std::string system_address();

/// Errors: `unavailable` when nobody listens, `denied` when somebody else does: PINs would go to them.
Result<std::unique_ptr<Transport>> connect_system(const std::string& address);

/// Errors: `conflict` when somebody listens there already, `unavailable`.
Result<std::unique_ptr<Listener>> listen_system(const std::string& address);

}  // namespace cardea::pcsc_link

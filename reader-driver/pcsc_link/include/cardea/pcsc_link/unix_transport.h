#pragma once

#include <memory>
#include <string>

#include "cardea/pcsc_link/transport.h"

namespace cardea::pcsc_link {

/// Where the agent listens for connectors, and connectors look for it: CARDEA_PCSC_SOCKET, or
/// $XDG_RUNTIME_DIR/cardea/pcsc.sock, or pcsc.sock in the agent's default state directory
/// ($XDG_STATE_HOME/cardea, ~/.local/state/cardea). Reads the environment: not while other threads change it.
std::string unix_socket_path();

/// Connects to an agent of the same user, or of root. Errors: `unavailable` when nobody listens, `denied`
/// when somebody else does: PINs would go to them.
Result<std::unique_ptr<Transport>> connect_unix(const std::string& path);

/// Listens for programs of the same user, and of root. A directory that is missing is made with mode 0700,
/// the socket has 0600. Errors: `conflict` when somebody listens there already, `unavailable`.
Result<std::unique_ptr<Listener>> listen_unix(const std::string& path);

}  // namespace cardea::pcsc_link

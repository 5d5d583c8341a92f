#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cardea/result.h"

namespace cardea::http {

/// A listening, non-blocking TCP socket. SO_REUSEADDR but not SO_REUSEPORT: a second server on the port must
/// fail.
Result<int> listen_tcp(const std::string& address, std::uint16_t port);

/// A listening, non-blocking Unix socket of mode 0600. A socket file that nobody listens on any more is
/// replaced.
Result<int> listen_unix(const std::filesystem::path& path);

/// The port that `fd` is bound to.
std::uint16_t bound_port(int fd);

/// Whether the peer of a Unix socket is root or this process's own user.
bool peer_is_trusted(int fd);

}  // namespace cardea::http

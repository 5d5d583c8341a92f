#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "cardea/result.h"

namespace cardea::agent {

/// Where the agent that keeps its state in this directory is asked for things: a Unix socket in it, or a
/// named pipe that has its name from it.
std::filesystem::path control_address(const std::filesystem::path& state_directory);

/// A stream of octets between two processes of one user on one machine.
class LocalConnection {
 public:
  LocalConnection() = default;
  LocalConnection(const LocalConnection&) = delete;
  LocalConnection& operator=(const LocalConnection&) = delete;
  virtual ~LocalConnection() = default;

  /// All of it; false when the other end is gone.
  virtual bool send(std::string_view octets) = 0;
  /// How many arrived; 0 when the other end is gone.
  virtual std::size_t receive(std::span<char> into) = 0;
};

/// Errors: `unavailable` when nobody listens there.
Result<std::unique_ptr<LocalConnection>> connect_local(const std::filesystem::path& address);

/// Hears its own user, and the machine's administrator, and nobody else. Listens for as long as it lives.
class LocalListener {
 public:
  LocalListener() = default;
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;
  virtual ~LocalListener() = default;

  /// Errors: `conflict` when somebody listens there already, `unavailable`.
  static Result<std::unique_ptr<LocalListener>> listen(const std::filesystem::path& address);

  /// The next connection; null when none came within `limit`, or from somebody who is not heard.
  virtual std::unique_ptr<LocalConnection> accept(std::chrono::milliseconds limit) = 0;
};

}  // namespace cardea::agent

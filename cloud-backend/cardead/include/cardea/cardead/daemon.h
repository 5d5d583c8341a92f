#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "cardea/config/settings.h"
#include "cardea/result.h"

namespace cardea::cardead {

/// The whole server, composed from its settings and running. In a class of its own so that tests run exactly
/// what the program runs.
class Daemon {
 public:
  /// Errors say in one sentence what keeps the server from starting: the data directory, the database, the
  /// HSM, a port.
  static Result<std::unique_ptr<Daemon>> start(const config::Settings& settings);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  virtual ~Daemon() = default;

  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// CA certificate of the server's own certificate; empty where the settings name a certificate.
  [[nodiscard]] virtual std::filesystem::path ca_file() const = 0;

  /// Looks whether the server's certificate has to be renewed (local CA) or has been (an operator's files),
  /// and uses it for new connections. Done every day without being asked. A certificate that cannot be used
  /// leaves the old one in place and a line in the log. Errors: those of the files.
  virtual Result<void> renew_certificate() = 0;

  /// Finishes running exchanges, ends sessions, closes. Idempotent; the destructor does it too.
  virtual void stop() = 0;

 protected:
  Daemon() = default;
};

}  // namespace cardea::cardead

#pragma once

#include <string>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace CLI {
class App;
}

namespace cardea::agent {

/// What this workstation shows to a server that asks for a certificate (mutual TLS): the files that the
/// command line names.
struct ClientCertificate {
  std::string certificate;  ///< PEM, with the chain if there is one; empty: nothing is shown
  std::string key;          ///< PEM; empty: in `certificate` too

  /// Adds --client-certificate and --client-key to a verb, where this system can show certificates.
  void add_to(CLI::App& verb, const std::string& what_else);

  /// Certificates and key as one PEM text. Errors: `unavailable` when a file cannot be read; `invalid` when
  /// there is no certificate, no key, or only an encrypted one.
  [[nodiscard]] Result<SecretBytes> read() const;
};

}  // namespace cardea::agent

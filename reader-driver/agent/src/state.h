#pragma once

#include <filesystem>
#include <string>

#include "cardea/api/http.h"
#include "cardea/api/jose.h"
#include "cardea/result.h"
#include "cardea/secret.h"
#include "client_certificate.h"

namespace cardea::agent {

/// `https://HOST:PORT`, taken apart. IPv6 addresses stand in brackets.
struct ServerUrl {
  std::string text;  ///< normalised, without a trailing slash
  std::string host;
  std::uint16_t port = 443;
};

/// Errors: `invalid` with a sentence.
Result<ServerUrl> parse_server_url(const std::string& text);

/// What a workstation keeps between runs: a directory of mode 0700 with
///   device.key   seed of the device key, 32 octets, mode 0600; on Windows sealed for the user
///   device.json  server, device, organisation, person
///   ca.pem       the certificate authority of the server, if one was given
///   client.pem   what this workstation shows in TLS, if something was given: certificate and key, mode 0600
///   late-proof-… proofs that are on their way (late_proofs.h)
///   issuing.json the blank card that was asked for last
class State {
 public:
  explicit State(std::filesystem::path directory) : directory_{std::move(directory)} {}

  /// Where the state of the user is, unless told otherwise (platform/files.h).
  static std::filesystem::path default_directory();

  /// Where the running agent is asked: `agent.sock` in the directory, a named pipe on Windows.
  [[nodiscard]] std::filesystem::path control_socket() const;

  /// What is being issued here (issuing.h).
  [[nodiscard]] std::filesystem::path issuing_file() const { return directory_ / "issuing.json"; }

  struct Device {
    ServerUrl server;
    std::string device;
    std::string organisation;
    std::string person;
    std::string ca_file;               ///< empty: the system's trust store
    std::string client_certificate{};  ///< PEM with key, for mutual TLS; empty: none
    api::SigningKey key;
    std::filesystem::path proofs{};  ///< where LateProofs go; empty: nowhere

    [[nodiscard]] api::ServerAddress address() const;
  };

  /// Makes the directory. Errors: `unavailable` with the path.
  Result<void> prepare() const;

  /// The device key; made at the first call, so that a repeated enrolment keeps the device's identity.
  Result<api::SigningKey> key() const;

  /// Copies the certificate authority in; its new place.
  Result<std::string> keep_ca(const std::filesystem::path& file) const;

  /// Copies a certificate and its key in, in one file, in the place of what was there; its new place. Without
  /// a certificate: what was there goes, and the place is empty. Errors: `unavailable`, `invalid` with a
  /// sentence.
  Result<std::string> keep_client_certificate(const ClientCertificate& given) const;

  Result<void> save(const Device& device) const;

  /// This workstation's half of a card (cardea/api/recovery.h), mode 0600. Errors: `not_found`.
  Result<void> keep_half(const std::string& card, BytesView half) const;
  Result<SecretBytes> half_of(const std::string& card) const;

  /// Errors: `not_found` when the workstation is not enrolled, `corrupt`.
  Result<Device> load() const;

 private:
  std::filesystem::path directory_;
};

}  // namespace cardea::agent

#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "cardea/cms/ca/request.h"

namespace cardea::cms::ca {

/// One certificate to be made.
struct Order {
  std::string slot;  ///< "9A"
  Bytes request;     ///< PKCS#10, DER, already checked
  Holder holder;
  CertificateProfile profile;
};

/// Whoever makes certificates. Errors of `issue`: any; the sentence says what the authority said.
class Authority {
 public:
  Authority() = default;
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  Authority(Authority&&) = delete;
  Authority& operator=(Authority&&) = delete;
  virtual ~Authority() = default;

  /// The certificate, DER.
  virtual Result<Bytes> issue(const Order& order) = 0;
};

/// How a local authority is made.
struct LocalAuthoritySettings {
  std::string subject = "CN=Cardea local CA";
  int valid_days = 3650;
};

/// Makes a certificate authority in `directory`: ca.key (P-256, mode 0600), ca.pem, serial, index.txt,
/// certs/. Errors: `conflict` when one is there already; `unavailable` when the directory cannot be written.
Result<void> make_local_authority(const std::filesystem::path& directory,
                                  const LocalAuthoritySettings& settings);

/// Opens it. Errors: `not_found`; `denied` when others than the owner may read its key; `corrupt`.
Result<std::unique_ptr<Authority>> open_local_authority(const std::filesystem::path& directory);

/// A shell command: request on its standard input (PEM), certificate on its standard output (PEM), and in its
/// environment CARDEA_SLOT, CARDEA_SUBJECT, CARDEA_UPN, CARDEA_EMAIL, CARDEA_VALID_DAYS. What it writes to
/// standard error is passed on.
std::unique_ptr<Authority> make_command_authority(std::string command, std::chrono::milliseconds deadline);

/// Says what it would ask for, and makes throw-away certificates so that the steps after it can be shown.
std::unique_ptr<Authority> make_dry_run_authority(std::string name, std::ostream& out);

}  // namespace cardea::cms::ca

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "cardea/cms/ca/request.h"

namespace cardea::cms::ca {

/// One certificate to be made.
struct Order {
  std::string slot;  ///< "9A"
  Bytes request;     ///< PKCS#10, DER, already checked
  Holder holder;
  CertificateProfile profile;
  bool renewal = false;  ///< the holder has a certificate with this subject already
};

/// Why a certificate is revoked; the value is the CRL's (RFC 5280, 5.3.1).
enum class Reason : std::uint8_t {
  unspecified = 0,
  key_compromise = 1,
  affiliation_changed = 3,
  superseded = 4,
  cessation_of_operation = 5,
  certificate_hold = 6,
  privilege_withdrawn = 9
};
/// "keyCompromise", as RFC 5280 spells it.
std::string_view name(Reason reason);
std::optional<Reason> reason_named(std::string_view name);

/// Whoever makes certificates. Errors: any; the sentence says what the authority said.
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

  /// A certificate (DER) is not to be trusted any more. One that is revoked already is no error. Errors also:
  /// `unsupported` when this authority has no way of being told.
  virtual Result<void> revoke(BytesView certificate, Reason reason) = 0;
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

/// Signs a new certificate revocation list over what index.txt says is revoked: ca.crl, valid for `days`. It
/// is signed after each revocation, too. Errors: as for opening; `corrupt` when index.txt is.
Result<void> sign_local_crl(const std::filesystem::path& directory, int days);

/// A shell command. CARDEA_ACTION=issue: request on its standard input (PEM), certificate on its standard
/// output (PEM), and in its environment CARDEA_SLOT, CARDEA_SUBJECT, CARDEA_UPN, CARDEA_EMAIL,
/// CARDEA_VALID_DAYS and CARDEA_RENEWAL (1 or 0). CARDEA_ACTION=revoke: certificate on its standard input,
/// CARDEA_SERIAL and CARDEA_REASON (as RFC 5280 spells it) in its environment. What it writes to standard
/// error is passed on.
std::unique_ptr<Authority> make_command_authority(std::string command, std::chrono::milliseconds deadline);

/// Says what it would ask for, and makes throw-away certificates so that the steps after it can be shown.
std::unique_ptr<Authority> make_dry_run_authority(std::string name, std::ostream& out);

}  // namespace cardea::cms::ca

#pragma once

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "cardea/cms/ca/authority.h"
#include "openssl.h"

namespace cardea::cms::ca {

/// One line of index.txt, in the form of `openssl ca`: state, expiry, revocation with reason, serial, file,
/// name.
std::string index_line(X509* certificate, const std::string& serial);

/// A certificate that index.txt says is revoked.
struct Revoked {
  std::string serial;  ///< hexadecimal
  std::string when;    ///< "YYMMDDhhmmssZ"
  Reason reason = Reason::unspecified;
};

/// Turns the certificate's line from V to R; one that is R already stays as it is. Errors: `not_found`;
/// `corrupt`; those of files.
Result<void> mark_revoked(const std::filesystem::path& index, const std::string& serial, Reason reason,
                          std::time_t now);

/// Errors: `corrupt` when a line has another form.
Result<std::vector<Revoked>> read_revoked(const std::filesystem::path& index);

/// A CRL (PEM) with its number, the authority's key identifier and the reasons (RFC 5280, 5).
Result<std::string> make_crl(const std::vector<Revoked>& revoked, EVP_PKEY* key, X509* authority,
                             BytesView number, int days);

}  // namespace cardea::cms::ca

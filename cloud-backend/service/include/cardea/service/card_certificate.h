#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

namespace cardea::service {

// Certificates that a card management system has written, read defensively: whoever writes them may be
// anybody.

/// The certificate in a PIV data object (SP 800-73-4 Part 1, 3.1.1 and table 10: 70 certificate, 71 whether
/// it is compressed with gzip), as DER. Errors: `invalid` with a sentence: no certificate, damaged, or larger
/// than 32 KiB.
Result<Bytes> certificate_in(BytesView object);

/// Whom a certificate names, and what is shown of it.
struct CertificateFacts {
  std::string name;               ///< the subject's last common name, UTF-8; empty when it has none
  std::vector<std::string> upns;  ///< user principal names (otherName 1.3.6.1.4.1.311.20.2.3), small letters
  std::vector<std::string> emails;  ///< of the alternative name, else of the subject; small letters
  std::vector<std::string> uids;    ///< the subject's attribute that names people by number
  std::string subject;              ///< RFC 2253
  std::string issuer;               ///< RFC 2253
  std::string serial;               ///< hexadecimal
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
};

/// Chains are not looked at: it is the registration authority's card. `uid_attributes`: types of attributes
/// of the subject, by short name or as dotted numbers; the first of which there is one counts ("UID": where
/// the NHS keeps the number on its staff's cards). Errors: `invalid` with a sentence: no certificate, or a
/// name in it that is no text, longer than 200 octets, or one of more than eight of its kind.
Result<CertificateFacts> read_certificate(BytesView der, const std::vector<std::string>& uid_attributes);

/// Whether the certificate is of this key. False for what is no certificate.
bool certifies(BytesView der, const card::PublicKey& key);

/// Whether these are attribute types. Errors: `invalid`, naming the first that is none.
Result<void> check_attributes(const std::vector<std::string>& uid_attributes);

}  // namespace cardea::service

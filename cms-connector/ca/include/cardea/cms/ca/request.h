#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/cms/piv/card.h"
#include "cardea/result.h"

namespace cardea::cms::ca {

/// What a slot's certificate is for.
struct CertificateProfile {
  std::vector<std::string> key_usage;           ///< names of RFC 5280: "digitalSignature", "nonRepudiation"
  std::vector<std::string> extended_key_usage;  ///< "clientAuth", "smartCardLogon", … or dotted identifiers
  int valid_days = 365;
  bool upn = false;    ///< the holder's user principal name, when there is one, goes in
  bool email = false;  ///< likewise the e-mail address
};

bool known_key_usage(std::string_view name);
bool known_extended_key_usage(std::string_view name);

/// Whose certificate it is.
struct Holder {
  std::string subject;  ///< RFC 4514: "CN=Ada Example,O=Example Trust,C=GB"
  std::string upn;      ///< may be empty
  std::string email;    ///< may be empty
  friend bool operator==(const Holder&, const Holder&) = default;
};

/// Errors: `invalid` with the part that cannot be read.
Result<void> check_subject(std::string_view subject);

/// Signs with the card: gets the padded block (RSA) or the hash (ECDSA), returns block or DER signature.
using CardSigner = std::function<Result<Bytes>(BytesView block)>;

/// A PKCS#10 request for `key`, signed by it: PKCS#1 v1.5 with SHA-256 padded here (the card computes the
/// bare power), ECDSA with SHA-256 or SHA-384. The extensions of the profile are requested in it. The
/// signature is verified before the request is returned. Errors: those of the signer; `corrupt` when the
/// card's public key is malformed or the signature is not by it; `invalid` for a holder that cannot be
/// expressed.
Result<Bytes> build_request(const Holder& holder, const CertificateProfile& profile,
                            const piv::PublicKey& key, const CardSigner& sign);

/// Errors: `corrupt` when the request is malformed, not signed by its own key, or for another key than `key`.
Result<void> check_request(BytesView der, const piv::PublicKey& key);

std::string request_pem(BytesView der);

/// What people want to know about a certificate.
struct CertificateInfo {
  std::string subject, issuer, serial, not_after;
};

Result<CertificateInfo> describe_certificate(BytesView der);

/// Whose certificate it is: its subject, and out of its subjectAltName the user principal name and the e-mail
/// address. Errors: `corrupt`.
Result<Holder> holder_of(BytesView certificate);

/// Errors: `corrupt`.
Result<std::string> certificate_pem(BytesView der);
/// The first certificate of a PEM text, DER. Errors: `corrupt`.
Result<Bytes> certificate_from_pem(std::string_view text);

/// Errors: `corrupt` when it is no certificate, not valid now, or for another key than `key`.
Result<void> check_certificate(BytesView der, const piv::PublicKey& key);

/// gzip (RFC 1952), the form PIV certificates may take (SP 800-73-4 Part 1, Appendix A).
Result<Bytes> gzip(BytesView plain);
/// Errors: `corrupt`; `exhausted` when more than 64 KiB come out.
Result<Bytes> gunzip(BytesView packed);

}  // namespace cardea::cms::ca

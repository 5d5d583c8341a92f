#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "cardea/cms/piv/card.h"
#include "cardea/result.h"

namespace cardea::cms::ca {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* value) const {
    Free(value);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using Name = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;

/// `doing: reason`, with OpenSSL's last reason; clears its error queue.
Error openssl_error(Errc code, const std::string& doing);

/// The card's public key for OpenSSL. Errors: `corrupt`.
Result<Key> import_public_key(const piv::PublicKey& key);

/// RFC 4514 text, its last part first in the name. Errors: `invalid`.
Result<Name> parse_name(std::string_view subject);

/// RFC 4514 text of a name.
std::string name_text(const X509_NAME* name);

/// What was written to a memory BIO.
std::string bio_text(BIO* bio);

/// A memory BIO to read `octets` from; they must outlive it.
Bio read_bio(BytesView octets);

Result<Certificate> parse_certificate_der(BytesView der);
Result<Bytes> certificate_der(X509* certificate);

}  // namespace cardea::cms::ca

#pragma once

#include <openssl/x509v3.h>

#include "cardea/cms/ca/request.h"
#include "openssl.h"

namespace cardea::cms::ca {

struct ExtensionStackFree {
  void operator()(STACK_OF(X509_EXTENSION) * stack) const {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
  }
};
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), ExtensionStackFree>;

/// basicConstraints, keyUsage, extendedKeyUsage and subjectAltName for one holder's certificate.
Result<Extensions> profile_extensions(const Holder& holder, const CertificateProfile& profile);

}  // namespace cardea::cms::ca

#pragma once

#include "cardea/cms/ca/authority.h"
#include "openssl.h"

namespace cardea::cms::ca {

/// Signs a certificate for the request's key with the authority's key. The subject and the extensions are
/// those of the order and not of the request: what a card program asks for is not for it to decide. A
/// validity longer than the authority's own is cut to it.
Result<Certificate> issue_certificate(const Order& order, EVP_PKEY* authority_key, X509* authority,
                                      BytesView serial);

/// A self-signed authority certificate.
Result<Certificate> self_issue_authority(EVP_PKEY* key, const LocalAuthoritySettings& settings,
                                         BytesView serial);

}  // namespace cardea::cms::ca

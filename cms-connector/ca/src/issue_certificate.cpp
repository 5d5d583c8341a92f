#include "issue_certificate.h"

#include <openssl/bn.h>

#include "extensions.h"

namespace cardea::cms::ca {

namespace {

constexpr long kBackdate = 5L * 60;  // tolerates clocks that are a little behind

Result<void> set_basics(X509* certificate, BytesView serial, int days) {
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number{
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr)};
  if (X509_set_version(certificate, X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr ||
      X509_gmtime_adj(X509_getm_notBefore(certificate), -kBackdate) == nullptr ||
      X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, nullptr) == nullptr) {
    return tl::unexpected{openssl_error(Errc::invalid, "the certificate cannot be made")};
  }
  return {};
}

Result<void> add(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension{
      X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return tl::unexpected{openssl_error(Errc::invalid, std::string{"cannot express "} + OBJ_nid2sn(nid))};
  }
  return {};
}

Result<void> sign(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) <= 0)
    return tl::unexpected{openssl_error(Errc::corrupt, "the authority cannot sign")};
  return {};
}

}  // namespace

Result<Certificate> issue_certificate(const Order& order, EVP_PKEY* authority_key, X509* authority,
                                      BytesView serial) {
  const auto* at = order.request.data();
  const Request request{d2i_X509_REQ(nullptr, &at, static_cast<long>(order.request.size()))};
  EVP_PKEY* key = request == nullptr ? nullptr : X509_REQ_get0_pubkey(request.get());
  // Proof of possession (RFC 4211, 4.1): the request is signed by the key that is to be certified.
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    return tl::unexpected{openssl_error(Errc::invalid, "the request is not signed by its own key")};
  }
  CARDEA_TRY(const auto name, parse_name(order.holder.subject));
  CARDEA_TRY(const auto extensions, profile_extensions(order.holder, order.profile));

  Certificate out{X509_new()};
  CARDEA_CHECK(set_basics(out.get(), serial, order.profile.valid_days));
  if (ASN1_TIME_compare(X509_get0_notAfter(out.get()), X509_get0_notAfter(authority)) > 0) {
    X509_set1_notAfter(out.get(), X509_get0_notAfter(authority));
  }
  X509_set_subject_name(out.get(), name.get());
  X509_set_issuer_name(out.get(), X509_get_subject_name(authority));
  X509_set_pubkey(out.get(), key);
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions.get()); ++i) {
    X509_add_ext(out.get(), sk_X509_EXTENSION_value(extensions.get(), i), -1);
  }
  CARDEA_CHECK(add(out.get(), authority, NID_subject_key_identifier, "hash"));
  CARDEA_CHECK(add(out.get(), authority, NID_authority_key_identifier, "keyid:always"));
  CARDEA_CHECK(sign(out.get(), authority_key));
  return out;
}

Result<Certificate> self_issue_authority(EVP_PKEY* key, const LocalAuthoritySettings& settings,
                                         BytesView serial) {
  CARDEA_TRY(const auto name, parse_name(settings.subject));
  Certificate out{X509_new()};
  CARDEA_CHECK(set_basics(out.get(), serial, settings.valid_days));
  X509_set_subject_name(out.get(), name.get());
  X509_set_issuer_name(out.get(), name.get());
  X509_set_pubkey(out.get(), key);
  CARDEA_CHECK(add(out.get(), out.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  CARDEA_CHECK(add(out.get(), out.get(), NID_key_usage, "critical,keyCertSign,cRLSign"));
  CARDEA_CHECK(add(out.get(), out.get(), NID_subject_key_identifier, "hash"));
  CARDEA_CHECK(sign(out.get(), key));
  return out;
}

}  // namespace cardea::cms::ca

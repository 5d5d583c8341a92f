#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>

#include "cardea/cms/ca/request.h"
#include "openssl.h"

namespace cardea::cms::ca {

namespace {

std::string serial_text(const X509* certificate) {
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number{
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr)};
  char* hex = number == nullptr ? nullptr : BN_bn2hex(number.get());
  std::string out = hex == nullptr ? "" : hex;
  OPENSSL_free(hex);
  return out;
}

std::string time_text(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  char text[32] = {};
  if (std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) return {};
  return text;
}

}  // namespace

Result<CertificateInfo> describe_certificate(BytesView der) {
  CARDEA_TRY(const auto certificate, parse_certificate_der(der));
  return CertificateInfo{name_text(X509_get_subject_name(certificate.get())),
                         name_text(X509_get_issuer_name(certificate.get())), serial_text(certificate.get()),
                         time_text(X509_get0_notAfter(certificate.get()))};
}

Result<std::string> certificate_pem(BytesView der) {
  CARDEA_TRY(const auto certificate, parse_certificate_der(der));
  const Bio out{BIO_new(BIO_s_mem())};
  PEM_write_bio_X509(out.get(), certificate.get());
  return bio_text(out.get());
}

Result<Bytes> certificate_from_pem(std::string_view text) {
  const Certificate certificate{PEM_read_bio_X509(read_bio(as_bytes(text)).get(), nullptr, nullptr, nullptr)};
  if (certificate == nullptr)
    return tl::unexpected{openssl_error(Errc::corrupt, "there is no certificate (PEM)")};
  return certificate_der(certificate.get());
}

Result<void> check_certificate(BytesView der, const piv::PublicKey& key) {
  CARDEA_TRY(const auto certificate, parse_certificate_der(der));
  CARDEA_TRY(const auto expected, import_public_key(key));
  EVP_PKEY* own = X509_get0_pubkey(certificate.get());
  if (own == nullptr || EVP_PKEY_eq(own, expected.get()) != 1) {
    return fail(Errc::corrupt, "the authority's certificate is for another key than the card's");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0) {
    return fail(Errc::corrupt, "the authority's certificate has expired already");
  }
  return {};
}

}  // namespace cardea::cms::ca

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

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

Result<Holder> holder_of(BytesView certificate) {
  constexpr const char* kUpn = "1.3.6.1.4.1.311.20.2.3";  // Microsoft's user principal name
  CARDEA_TRY(const auto parsed, parse_certificate_der(certificate));
  Holder out;
  out.subject = name_text(X509_get_subject_name(parsed.get()));
  const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(parsed.get(), NID_subject_alt_name, nullptr, nullptr))};
  const std::unique_ptr<ASN1_OBJECT, Freer<ASN1_OBJECT_free>> upn{OBJ_txt2obj(kUpn, 1)};
  const auto text = [](const ASN1_STRING* value) {
    return std::string{reinterpret_cast<const char*>(
                           ASN1_STRING_get0_data(value)),  // NOLINT(*-reinterpret-cast): octet to char
                       static_cast<std::size_t>(ASN1_STRING_length(value))};
  };
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL && out.email.empty()) out.email = text(name->d.rfc822Name);
    if (name->type == GEN_OTHERNAME && OBJ_cmp(name->d.otherName->type_id, upn.get()) == 0 &&
        name->d.otherName->value->type == V_ASN1_UTF8STRING) {
      out.upn = text(name->d.otherName->value->value.utf8string);
    }
  }
  return out;
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

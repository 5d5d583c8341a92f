#include "cardea/cms/ca/seal.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "cardea/cms/ca/files.h"
#include "openssl.h"

namespace cardea::cms::ca {

namespace {

struct CertificateStackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using Certificates = std::unique_ptr<STACK_OF(X509), CertificateStackFree>;
using Envelope = std::unique_ptr<CMS_ContentInfo, Freer<CMS_ContentInfo_free>>;

Result<void> check_recipient(X509* certificate) {
  const std::string name = "the certificate of " + name_text(X509_get_subject_name(certificate));
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
    return fail(Errc::invalid, name + " has expired");
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  const bool rsa = key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1;
  const bool ec = key != nullptr && EVP_PKEY_is_a(key, "EC") == 1;
  if (!rsa && !ec) return fail(Errc::invalid, name + " has neither an RSA nor an EC key");
  constexpr int kLeastRsa = 2048;
  if (rsa && EVP_PKEY_get_bits(key) < kLeastRsa)
    return fail(Errc::invalid, name + " has an RSA key of less than 2048 bits");
  // All bits when the certificate does not restrict its use.
  const std::uint32_t usage = X509_get_key_usage(certificate);
  if ((usage & static_cast<std::uint32_t>(rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT)) == 0)
    return fail(Errc::invalid, name + " is not for " + (rsa ? "key encipherment" : "key agreement"));
  return {};
}

Result<Certificates> parse(std::string_view pem) {
  Certificates out{sk_X509_new_null()};
  const Bio in = read_bio(as_bytes(pem));
  for (;;) {
    Certificate certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
    if (certificate == nullptr) break;
    CARDEA_CHECK(check_recipient(certificate.get()));
    sk_X509_push(out.get(), certificate.release());
  }
  ERR_clear_error();
  if (sk_X509_num(out.get()) == 0) return fail(Errc::invalid, "there is no certificate (PEM) to seal for");
  return out;
}

}  // namespace

Result<Recipients> Recipients::from_pem(std::string_view certificates) {
  CARDEA_CHECK(parse(certificates));
  return Recipients{std::string{certificates}};
}

Result<Recipients> Recipients::load(const std::vector<std::string>& files) {
  std::string all;
  for (const auto& file : files) {
    CARDEA_TRY(const auto text, read_file(file));
    if (const auto good = parse(text); !good) return fail(good.error().code, file + ": " + good.error().what);
    all += text + "\n";
  }
  return from_pem(all);
}

Result<std::string> Recipients::seal(const SecretBytes& content) const {
  CARDEA_TRY(const auto certificates, parse(pem_));
  const Bio in = read_bio(content.expose());
  const Envelope envelope{CMS_encrypt(certificates.get(), in.get(), EVP_aes_256_cbc(), CMS_BINARY)};
  const Bio out{BIO_new(BIO_s_mem())};
  if (envelope == nullptr || PEM_write_bio_CMS_stream(out.get(), envelope.get(), nullptr, CMS_BINARY) != 1)
    return tl::unexpected{openssl_error(Errc::invalid, "cannot seal for these certificates")};
  return bio_text(out.get());
}

}  // namespace cardea::cms::ca

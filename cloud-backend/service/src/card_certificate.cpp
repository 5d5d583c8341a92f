#include "cardea/service/card_certificate.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "cardea/apdu/tlv.h"

namespace cardea::service {
namespace {

constexpr std::size_t kMaxCertificate = 32U * 1024;
constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMaxNames = 8;
constexpr const char* kUpn = "1.3.6.1.4.1.311.20.2.3";

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using ObjectId = std::unique_ptr<ASN1_OBJECT, Deleter<ASN1_OBJECT_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

/// What OpenSSL noted of a failure must not be found by whoever asks it for the next one.
struct QuietErrors {
  QuietErrors() { ERR_set_mark(); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
  ~QuietErrors() { ERR_pop_to_mark(); }
};

tl::unexpected<Error> refuse(std::string what) {
  return fail(Errc::invalid, std::move(what));
}

Result<Bytes> gunzip(BytesView packed) {
  constexpr int kGzipOnly = MAX_WBITS + 16;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK)
    return fail(Errc::exhausted, "there is no memory for decompression");
  const std::unique_ptr<z_stream, Deleter<inflateEnd>> ending{&stream};
  Bytes out(kMaxCertificate);
  stream.next_in = const_cast<Bytef*>(packed.data());  // NOLINT(*-const-cast): zlib only reads it
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int rc = inflate(&stream, Z_FINISH);
  if (rc == Z_BUF_ERROR && stream.avail_out == 0) return refuse("the certificate is larger than 32 KiB");
  if (rc != Z_STREAM_END || stream.avail_in != 0) return refuse("the compressed certificate is damaged");
  out.resize(stream.total_out);
  return out;
}

/// Nothing unless it is exactly one certificate.
Certificate parse(BytesView der) {
  if (der.empty() || der.size() > kMaxCertificate) return nullptr;
  const auto* at = der.data();
  Certificate certificate{d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
  if (at != der.data() + der.size()) return nullptr;
  return certificate;
}

/// As UTF-8, whatever kind of ASN.1 string it is. Nothing when it is no text that can be shown.
std::optional<std::string> text_of(const ASN1_STRING* string) {
  unsigned char* octets = nullptr;
  const int size = ASN1_STRING_to_UTF8(&octets, string);
  if (size < 0) return std::nullopt;
  std::string text{reinterpret_cast<const char*>(octets),  // NOLINT(*-reinterpret-cast): octets to text
                   static_cast<std::size_t>(size)};
  OPENSSL_free(octets);
  const bool shown =
      std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  const auto first = text.find_first_not_of(' ');
  if (!shown || text.size() > kMaxText || first == std::string::npos) return std::nullopt;
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string small(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Adds a name of this kind once.
Result<void> add(std::vector<std::string>& names, const ASN1_STRING* string, const char* kind,
                 bool any_case) {
  auto text = text_of(string);
  if (!text) {
    return refuse(std::string{"its "} + kind + " is no text of 1 to 200 octets without control characters");
  }
  if (any_case) text = small(std::move(*text));
  if (std::ranges::find(names, *text) != names.end()) return {};
  if (names.size() == kMaxNames) return refuse(std::string{"it has more than eight values of its "} + kind);
  names.push_back(std::move(*text));
  return {};
}

Result<void> read_alternative_names(const X509* certificate, CertificateFacts& facts) {
  int critical = -1;
  const Names names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr))};
  if (!names) {
    if (critical == -1) return {};  // it has none
    return refuse("its subject's alternative name is damaged or there twice");
  }
  const ObjectId upn{OBJ_txt2obj(kUpn, 1)};
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL) {
      CARDEA_CHECK(add(facts.emails, name->d.rfc822Name, "e-mail address", true));
      continue;
    }
    if (name->type != GEN_OTHERNAME || OBJ_cmp(name->d.otherName->type_id, upn.get()) != 0) continue;
    const auto* value = name->d.otherName->value;
    if (value == nullptr || value->type != V_ASN1_UTF8STRING)
      return refuse("its user principal name is no UTF8String");
    CARDEA_CHECK(add(facts.upns, value->value.utf8string, "user principal name", true));
  }
  return {};
}

Result<void> add_all(const X509_NAME* subject, const ASN1_OBJECT* type, std::vector<std::string>& names,
                     const char* kind, bool any_case) {
  for (int at = -1; (at = X509_NAME_get_index_by_OBJ(subject, type, at)) >= 0;) {
    CARDEA_CHECK(add(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), kind, any_case));
  }
  return {};
}

Result<void> read_subject(const X509* certificate, const std::vector<std::string>& uid_attributes,
                          CertificateFacts& facts) {
  const auto* subject = X509_get_subject_name(certificate);
  std::vector<std::string> common_names;
  CARDEA_CHECK(add_all(subject, OBJ_nid2obj(NID_commonName), common_names, "subject's common name", false));
  // The root of the name comes first: the last one says most.
  if (!common_names.empty()) facts.name = std::move(common_names.back());
  if (facts.emails.empty()) {
    CARDEA_CHECK(add_all(subject, OBJ_nid2obj(NID_pkcs9_emailAddress), facts.emails, "e-mail address", true));
  }
  for (const auto& attribute : uid_attributes) {
    const ObjectId type{OBJ_txt2obj(attribute.c_str(), 0)};
    if (!type) continue;
    CARDEA_CHECK(add_all(subject, type.get(), facts.uids, ("subject's " + attribute).c_str(), false));
    if (!facts.uids.empty()) break;
  }
  return {};
}

std::string shown(const X509_NAME* name) {
  const std::unique_ptr<BIO, Deleter<BIO_free_all>> out{BIO_new(BIO_s_mem())};
  char* text = nullptr;
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string shown(const ASN1_INTEGER* number) {
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> value{ASN1_INTEGER_to_BN(number, nullptr)};
  if (!value) return {};
  char* digits = BN_bn2hex(value.get());
  std::string text{digits == nullptr ? "" : digits};
  OPENSSL_free(digits);
  return text;
}

Result<std::chrono::sys_seconds> time_of(const ASN1_TIME* time) {
  // Differences from a fixed moment: the calendar of the C library is not asked.
  const std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>> epoch{ASN1_TIME_set(nullptr, 0)};
  int days = 0;
  int seconds = 0;
  if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1)
    return refuse("its time of validity is none");
  return std::chrono::sys_seconds{std::chrono::days{days} + std::chrono::seconds{seconds}};
}

/// INTEGER, DER: no more octets than needed, and a positive number.
Bytes der_integer(BytesView number) {
  while (number.size() > 1 && number[0] == 0)
    number = number.subspan(1);
  Bytes value;
  if (number.empty() || (number[0] & 0x80U) != 0) value.push_back(0);
  append(value, number);
  return apdu::make_tlv(0x02, value);
}

/// What stands in subjectPublicKey (RFC 8017, A.1.1; RFC 5480, 2.2; RFC 8410, 4).
Bytes bits_of(const card::PublicKey& key) {
  if (key.modulus.empty()) return key.point;
  return apdu::make_template(0x30, {der_integer(key.modulus), der_integer(key.exponent)});
}

}  // namespace

Result<Bytes> certificate_in(BytesView object) {
  const auto parts = apdu::read_tlvs(object);
  if (!parts) return refuse("the data object is damaged");
  const auto certificate = apdu::find(*parts, 0x70);
  if (!certificate || certificate->empty()) return refuse("the data object holds no certificate");
  const auto info = apdu::find(*parts, 0x71);
  const bool compressed = info && info->size() == 1 && ((*info)[0] & 0x03U) == 0x01;
  if (compressed) return gunzip(*certificate);
  if (certificate->size() > kMaxCertificate) return refuse("the certificate is larger than 32 KiB");
  return to_bytes(*certificate);
}

Result<CertificateFacts> read_certificate(BytesView der, const std::vector<std::string>& uid_attributes) {
  const QuietErrors quiet;
  const auto certificate = parse(der);
  if (!certificate) return refuse("it is no X.509 certificate");
  CertificateFacts facts;
  CARDEA_CHECK(read_alternative_names(certificate.get(), facts));
  CARDEA_CHECK(read_subject(certificate.get(), uid_attributes, facts));
  facts.subject = shown(X509_get_subject_name(certificate.get()));
  facts.issuer = shown(X509_get_issuer_name(certificate.get()));
  facts.serial = shown(X509_get0_serialNumber(certificate.get()));
  CARDEA_TRY(facts.not_before, time_of(X509_get0_notBefore(certificate.get())));
  CARDEA_TRY(facts.not_after, time_of(X509_get0_notAfter(certificate.get())));
  return facts;
}

bool certifies(BytesView der, const card::PublicKey& key) {
  const QuietErrors quiet;
  const auto certificate = parse(der);
  if (!certificate) return false;
  const auto* bits = X509_get0_pubkey_bitstr(certificate.get());
  const auto expected = bits_of(key);
  if (bits == nullptr || expected.empty()) return false;
  return equal(BytesView{ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits))},
               expected);
}

Result<void> check_attributes(const std::vector<std::string>& uid_attributes) {
  const QuietErrors quiet;
  for (const auto& attribute : uid_attributes) {
    const ObjectId type{OBJ_txt2obj(attribute.c_str(), 0)};
    if (!type)
      return refuse("'" + attribute + "' is no type of attribute: a short name such as UID, or an OID");
  }
  return {};
}

}  // namespace cardea::service

#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cardea/apdu/tlv.h"
#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/hex.h"

namespace cardea::test {

/// What a certificate is to say.
struct Wanted {
  std::vector<std::pair<const char*, std::string>> subject;  ///< short name and UTF-8 text
  std::string alternative;  ///< as OpenSSL's configuration has it: "email:a@b"
  Bytes raw_alternative{};  ///< or the extension's value as it stands
};

/// By OpenSSL, signed by a key that nobody keeps.
class Authority {
 public:
  /// `spki`: SubjectPublicKeyInfo; empty: the authority's own key.
  Bytes issue(const Wanted& wanted, BytesView spki = {}) const {
    X509* const x = X509_new();
    const auto* at = spki.data();
    EVP_PKEY* const subject_key =
        spki.empty() ? nullptr : d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size()));
    REQUIRE((spki.empty() || subject_key != nullptr));
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0x4711);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20260102030405Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20360102030405Z");
    X509_set_pubkey(x, spki.empty() ? key_ : subject_key);
    X509_NAME* const name = X509_get_subject_name(x);
    for (const auto& [type, text] : wanted.subject) {
      REQUIRE(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                                         reinterpret_cast<const unsigned char*>(text.data()),  // NOLINT
                                         static_cast<int>(text.size()), -1, 0) == 1);
    }
    X509_NAME* const issuer = X509_NAME_new();
    X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("Example CA"), -1, -1, 0);  // NOLINT
    X509_set_issuer_name(x, issuer);
    X509_NAME_free(issuer);
    add_alternative(x, wanted);
    REQUIRE(X509_sign(x, key_, EVP_sha256()) > 0);
    unsigned char* out = nullptr;
    const int size = i2d_X509(x, &out);
    REQUIRE(size > 0);
    Bytes der(out, out + size);
    OPENSSL_free(out);
    EVP_PKEY_free(subject_key);
    X509_free(x);
    return der;
  }

  Authority() : key_{EVP_EC_gen("P-256")} {}
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  ~Authority() { EVP_PKEY_free(key_); }

 private:
  static void add_alternative(X509* x, const Wanted& wanted) {
    X509_EXTENSION* extension = nullptr;
    if (!wanted.alternative.empty()) {
      extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, wanted.alternative.c_str());
      REQUIRE(extension != nullptr);
    } else if (!wanted.raw_alternative.empty()) {
      ASN1_OCTET_STRING* const value = ASN1_OCTET_STRING_new();
      ASN1_OCTET_STRING_set(value, wanted.raw_alternative.data(),
                            static_cast<int>(wanted.raw_alternative.size()));
      extension = X509_EXTENSION_create_by_NID(nullptr, NID_subject_alt_name, 0, value);
      ASN1_OCTET_STRING_free(value);
    }
    if (extension == nullptr) return;
    REQUIRE(X509_add_ext(x, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }

  EVP_PKEY* key_;
};

/// SubjectPublicKeyInfo of a point on P-256 (RFC 5480).
inline Bytes p256_spki(BytesView point) {
  auto spki = from_hex("3059301306072A8648CE3D020106082A8648CE3D030107034200").value();
  append(spki, point);
  return spki;
}

/// The content of a PIV certificate object (SP 800-73-4 Part 1, table 10).
inline Bytes piv_object(BytesView certificate, std::uint8_t info = 0) {
  return concat(
      {apdu::make_tlv(0x70, certificate), apdu::make_tlv(0x71, Bytes{info}), apdu::make_tlv(0xFE, {})});
}

}  // namespace cardea::test

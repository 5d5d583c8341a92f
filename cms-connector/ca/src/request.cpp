#include "cardea/cms/ca/request.h"

#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>

#include "cardea/hex.h"
#include "extensions.h"
#include "openssl.h"

namespace cardea::cms::ca {

namespace {

// EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 9.2): 00 01 FF … FF 00 DigestInfo.
Bytes pkcs1_block(BytesView hash, std::size_t size) {
  constexpr auto kSha256 = "3031300D060960864801650304020105000420"_hex;
  Bytes out(size, 0xFF);
  out[0] = 0x00;
  out[1] = 0x01;
  const std::size_t tail = kSha256.size() + hash.size();
  out[size - tail - 1] = 0x00;
  std::copy(kSha256.begin(), kSha256.end(), out.end() - static_cast<std::ptrdiff_t>(tail));
  std::copy(hash.begin(), hash.end(), out.end() - static_cast<std::ptrdiff_t>(hash.size()));
  return out;
}

Bytes hash_for(piv::KeyAlgorithm algorithm, BytesView message) {
  if (algorithm == piv::KeyAlgorithm::p384) {
    Bytes out(SHA384_DIGEST_LENGTH);
    SHA384(message.data(), message.size(), out.data());
    return out;
  }
  Bytes out(SHA256_DIGEST_LENGTH);
  SHA256(message.data(), message.size(), out.data());
  return out;
}

int signature_nid(piv::KeyAlgorithm algorithm) {
  switch (algorithm) {
    case piv::KeyAlgorithm::p256:
      return NID_ecdsa_with_SHA256;
    case piv::KeyAlgorithm::p384:
      return NID_ecdsa_with_SHA384;
    default:
      return NID_sha256WithRSAEncryption;
  }
}

/// What is signed: CertificationRequestInfo.
Result<Bytes> to_be_signed(X509_REQ* request) {
  const int size = i2d_re_X509_REQ_tbs(request, nullptr);
  if (size <= 0)
    return tl::unexpected{openssl_error(Errc::invalid, "the certificate request cannot be encoded")};
  Bytes out(static_cast<std::size_t>(size));
  auto* at = out.data();
  i2d_re_X509_REQ_tbs(request, &at);
  return out;
}

Result<void> attach_signature(X509_REQ* request, piv::KeyAlgorithm algorithm, BytesView signature) {
  const std::unique_ptr<X509_ALGOR, Freer<X509_ALGOR_free>> identifier{X509_ALGOR_new()};
  // RFC 4055: NULL parameters for RSA; RFC 5758: none for ECDSA.
  X509_ALGOR_set0(identifier.get(), OBJ_nid2obj(signature_nid(algorithm)),
                  info(algorithm).rsa ? V_ASN1_NULL : V_ASN1_UNDEF, nullptr);
  ASN1_BIT_STRING* bits = ASN1_BIT_STRING_new();
  ASN1_BIT_STRING_set(bits,
                      const_cast<std::uint8_t*>(signature.data()),  // NOLINT(*-const-cast): OpenSSL copies it
                      static_cast<int>(signature.size()));
  bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07L);
  bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;  // whole octets: no unused bits
  X509_REQ_set0_signature(request, bits);
  if (X509_REQ_set1_signature_algo(request, identifier.get()) != 1) {
    return tl::unexpected{openssl_error(Errc::corrupt, "the signature cannot be attached")};
  }
  return {};
}

Result<Bytes> request_der(X509_REQ* request) {
  const int size = i2d_X509_REQ(request, nullptr);
  if (size <= 0)
    return tl::unexpected{openssl_error(Errc::corrupt, "the certificate request cannot be encoded")};
  Bytes out(static_cast<std::size_t>(size));
  auto* at = out.data();
  i2d_X509_REQ(request, &at);
  return out;
}

}  // namespace

Result<void> check_subject(std::string_view subject) {
  // Who reads such a name from the certificate, on a screen or in a table, is told something else.
  const bool plain = std::none_of(subject.begin(), subject.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!plain) return fail(Errc::invalid, "the subject holds a line end or another control character");
  CARDEA_CHECK(parse_name(subject));
  return {};
}

Result<Bytes> build_request(const Holder& holder, const CertificateProfile& profile,
                            const piv::PublicKey& key, const CardSigner& sign) {
  CARDEA_TRY(const auto public_key, import_public_key(key));
  CARDEA_TRY(const auto name, parse_name(holder.subject));
  CARDEA_TRY(const auto extensions, profile_extensions(holder, profile));
  const Request request{X509_REQ_new()};
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), public_key.get()) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1) {
    return tl::unexpected{openssl_error(Errc::invalid, "the certificate request cannot be made")};
  }

  CARDEA_TRY(const Bytes message, to_be_signed(request.get()));
  const Bytes hash = hash_for(key.algorithm, message);
  const auto& algorithm = info(key.algorithm);
  CARDEA_TRY(const Bytes signature, sign(algorithm.rsa ? pkcs1_block(hash, algorithm.size) : hash));
  CARDEA_CHECK(attach_signature(request.get(), key.algorithm, signature));
  CARDEA_TRY(Bytes der, request_der(request.get()));
  CARDEA_CHECK(check_request(der, key));
  return der;
}

Result<void> check_request(BytesView der, const piv::PublicKey& key) {
  const auto* at = der.data();
  const Request request{d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size()))};
  if (request == nullptr) return tl::unexpected{openssl_error(Errc::corrupt, "not a certificate request")};
  CARDEA_TRY(const auto expected, import_public_key(key));
  EVP_PKEY* own = X509_REQ_get0_pubkey(request.get());
  if (own == nullptr || EVP_PKEY_eq(own, expected.get()) != 1)
    return fail(Errc::corrupt, "the certificate request is for another key");
  if (X509_REQ_verify(request.get(), own) != 1) {
    return tl::unexpected{openssl_error(
        Errc::corrupt, "the card's signature on the certificate request is not by the key it generated")};
  }
  return {};
}

std::string request_pem(BytesView der) {
  const auto* at = der.data();
  const Request request{d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size()))};
  const Bio out{BIO_new(BIO_s_mem())};
  if (request != nullptr) PEM_write_bio_X509_REQ(out.get(), request.get());
  return bio_text(out.get());
}

}  // namespace cardea::cms::ca

#include "cardea/cms/ca/private_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "cardea/apdu/tlv.h"
#include "cardea/cms/ca/secret_files.h"
#include "cardea/hex.h"
#include "openssl.h"

namespace cardea::cms::ca {

namespace {

using Number = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;
using Pkcs12 = std::unique_ptr<PKCS12, Freer<PKCS12_free>>;
using KeyInfo = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;

Number number(EVP_PKEY* key, const char* parameter) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key, parameter, &value);
  return Number{value};
}

/// Big-endian, of a fixed size.
Result<SecretBytes> octets(const Number& value, std::size_t size) {
  SecretBytes out{size};
  if (value == nullptr || BN_bn2binpad(value.get(), out.expose().data(), static_cast<int>(size)) < 0)
    return tl::unexpected{openssl_error(Errc::corrupt, "the key is not whole")};
  return out;
}

Result<piv::KeyAlgorithm> algorithm_of(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    if (bits == 2048) return piv::KeyAlgorithm::rsa2048;
    if (bits == 3072) return piv::KeyAlgorithm::rsa3072;
    if (bits == 4096) return piv::KeyAlgorithm::rsa4096;
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    EVP_PKEY_get_group_name(key, group.data(), group.size(), &size);
    if (std::strcmp(group.data(), "prime256v1") == 0) return piv::KeyAlgorithm::p256;
    if (std::strcmp(group.data(), "secp384r1") == 0) return piv::KeyAlgorithm::p384;
  }
  return fail(Errc::unsupported, "a card takes RSA keys of 2048, 3072 or 4096 bits, and P-256 and P-384");
}

Result<piv::PublicKey> public_part(EVP_PKEY* key) {
  CARDEA_TRY(const auto algorithm, algorithm_of(key));
  const auto& kind = info(algorithm);
  piv::PublicKey out{algorithm, {}};
  if (!kind.rsa) {
    Bytes point(1 + 2 * kind.size);
    std::size_t size = 0;
    // A compressed point in the certificate comes out as one, unless it is asked for.
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) !=
            1 ||
        size != point.size()) {
      return tl::unexpected{openssl_error(Errc::corrupt, "the key has no public part")};
    }
    out.encoded = apdu::make_tlv(0x86, point);
    return out;
  }
  const auto n = number(key, OSSL_PKEY_PARAM_RSA_N);
  const auto e = number(key, OSSL_PKEY_PARAM_RSA_E);
  if (n == nullptr || e == nullptr || BN_is_word(e.get(), RSA_F4) != 1)
    return fail(Errc::invalid, "a card takes RSA keys with the exponent 65537 only");
  Bytes modulus(kind.size);
  BN_bn2binpad(n.get(), modulus.data(), static_cast<int>(modulus.size()));
  out.encoded = concat({apdu::make_tlv(0x81, modulus), apdu::make_tlv(0x82, Bytes{0x01, 0x00, 0x01})});
  return out;
}

Result<SecretBytes> pkcs8(EVP_PKEY* key) {
  const KeyInfo plain{EVP_PKEY2PKCS8(key)};
  const int size = plain == nullptr ? 0 : i2d_PKCS8_PRIV_KEY_INFO(plain.get(), nullptr);
  if (size <= 0) return tl::unexpected{openssl_error(Errc::corrupt, "the key cannot be encoded")};
  SecretBytes out{static_cast<std::size_t>(size)};
  auto* at = out.expose().data();
  i2d_PKCS8_PRIV_KEY_INFO(plain.get(), &at);
  return out;
}

Result<ImportedKey> taken_apart(EVP_PKEY* key) {
  ImportedKey out;
  CARDEA_TRY(out.key.public_key, public_part(key));
  CARDEA_TRY(out.key.encoded, pkcs8(key));
  const auto& kind = info(out.key.public_key.algorithm);
  const auto part = [&](std::uint8_t tag, const char* parameter, std::size_t size) -> Result<void> {
    CARDEA_TRY(auto value, octets(number(key, parameter), size));
    out.key.parts.emplace_back(tag, std::move(value));
    return {};
  };
  if (!kind.rsa) {
    CARDEA_CHECK(part(0x06, OSSL_PKEY_PARAM_PRIV_KEY, kind.size));
    return out;
  }
  CARDEA_CHECK(part(0x01, OSSL_PKEY_PARAM_RSA_FACTOR1, kind.size / 2));
  CARDEA_CHECK(part(0x02, OSSL_PKEY_PARAM_RSA_FACTOR2, kind.size / 2));
  CARDEA_CHECK(part(0x03, OSSL_PKEY_PARAM_RSA_EXPONENT1, kind.size / 2));
  CARDEA_CHECK(part(0x04, OSSL_PKEY_PARAM_RSA_EXPONENT2, kind.size / 2));
  CARDEA_CHECK(part(0x05, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, kind.size / 2));
  return out;
}

/// Answers OpenSSL's question for a passphrase, and remembers that there was one.
struct Passphrase {
  const SecretBytes& value;
  bool asked = false;

  static int answer(char* buffer, int size, int, void* self) {
    auto& own = *static_cast<Passphrase*>(self);
    own.asked = true;
    const auto text = own.value.expose();
    if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
    std::copy(text.begin(), text.end(), buffer);
    return static_cast<int>(text.size());
  }
};

/// PKCS#12 wants its passphrase as a C string.
struct CString {
  explicit CString(const SecretBytes& text) : octets{text.size() + 1} {
    std::copy(text.expose().begin(), text.expose().end(), octets.expose().begin());
  }
  [[nodiscard]] const char* get() const {
    return reinterpret_cast<const char*>(
        octets.expose().data());  // NOLINT(*-reinterpret-cast): octet to char
  }
  SecretBytes octets;
};

Result<ImportedKey> from_pkcs12(PKCS12* container, const std::string& file, const SecretBytes& passphrase) {
  const CString secret{passphrase};
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  if (PKCS12_parse(container, secret.get(), &key, &certificate, nullptr) != 1) {
    ERR_clear_error();
    return fail(Errc::denied,
                passphrase.empty() ? file + " wants a passphrase" : "the passphrase does not open " + file);
  }
  const Key owned{key};
  const Certificate with{certificate};
  if (owned == nullptr) return fail(Errc::corrupt, file + " holds no private key");
  CARDEA_TRY(auto out, taken_apart(owned.get()));
  if (with != nullptr) {
    CARDEA_TRY(out.certificate, certificate_der(with.get()));
  }
  return out;
}

}  // namespace

Result<ImportedKey> read_private_key(const std::string& file, const SecretBytes& passphrase) {
  CARDEA_TRY(const auto secret, read_secret_file(file));
  const auto content = secret.expose();
  const Pkcs12 container{d2i_PKCS12_bio(read_bio(content).get(), nullptr)};
  if (container != nullptr) return from_pkcs12(container.get(), file, passphrase);
  ERR_clear_error();

  Passphrase question{passphrase};
  Key key{PEM_read_bio_PrivateKey(read_bio(content).get(), nullptr, &Passphrase::answer, &question)};
  if (key == nullptr && !question.asked)
    key.reset(d2i_PKCS8PrivateKey_bio(read_bio(content).get(), nullptr, &Passphrase::answer, &question));
  if (key == nullptr && !question.asked) key.reset(d2i_PrivateKey_bio(read_bio(content).get(), nullptr));
  ERR_clear_error();
  if (key == nullptr && question.asked)
    return fail(Errc::denied,
                passphrase.empty() ? file + " wants a passphrase" : "the passphrase does not open " + file);
  if (key == nullptr)
    return fail(Errc::corrupt, file + " holds no private key (PKCS#12, or PKCS#8 in PEM or DER)");
  return taken_apart(key.get());
}

Result<ImportedKey> make_private_key(piv::KeyAlgorithm algorithm) {
  EVP_PKEY* made = nullptr;
  switch (algorithm) {
    case piv::KeyAlgorithm::p256:
      made = EVP_EC_gen("P-256");
      break;
    case piv::KeyAlgorithm::p384:
      made = EVP_EC_gen("P-384");
      break;
    default:
      made = EVP_RSA_gen(static_cast<unsigned>(info(algorithm).size * 8));
      break;
  }
  const Key key{made};
  if (key == nullptr) return tl::unexpected{openssl_error(Errc::unavailable, "OpenSSL cannot make a key")};
  return taken_apart(key.get());
}

Result<piv::PublicKey> public_key_of(BytesView certificate) {
  CARDEA_TRY(const auto parsed, parse_certificate_der(certificate));
  EVP_PKEY* key = X509_get0_pubkey(parsed.get());
  if (key == nullptr)
    return tl::unexpected{openssl_error(Errc::corrupt, "the certificate's key cannot be read")};
  return public_part(key);
}

Result<std::string> short_name(const piv::PublicKey& key) {
  constexpr std::size_t kOctets = 8;
  CARDEA_TRY(const auto whole, import_public_key(key));
  Bytes info(static_cast<std::size_t>(std::max(i2d_PUBKEY(whole.get(), nullptr), 0)));
  auto* at = info.data();
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  if (info.empty() || i2d_PUBKEY(whole.get(), &at) <= 0 ||
      EVP_Digest(info.data(), info.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    return tl::unexpected{openssl_error(Errc::unavailable, "the key cannot be named")};
  return to_hex(BytesView{digest}.first(kOctets));
}

}  // namespace cardea::cms::ca

#include "openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <vector>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"

namespace cardea::cms::ca {

namespace {

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Result<Key> key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params{OSSL_PARAM_BLD_to_param(builder)};
  const KeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return tl::unexpected{openssl_error(Errc::corrupt, "the card's public key is not usable")};
  }
  return Key{key};
}

Number to_number(BytesView octets) {
  return Number{BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr)};
}

/// One "type=value" of a name, with its escapes resolved.
struct NamePart {
  std::string type, value;
};

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(' ');
  if (from == std::string::npos) return {};
  return text.substr(from, text.find_last_not_of(' ') - from + 1);
}

/// Splits at commas; `\,` and `\2C` are characters of a value (RFC 4514, 2.4).
Result<std::vector<NamePart>> split_name(std::string_view text) {
  std::vector<NamePart> out;
  NamePart part;
  bool in_value = false;
  const auto finish = [&]() -> Result<void> {
    part.type = trimmed(part.type);
    part.value = trimmed(part.value);
    if (!in_value || part.type.empty() || part.value.empty()) {
      return fail(Errc::invalid, "the subject \"" + std::string{text} + "\" is not of the form CN=…,O=…");
    }
    out.push_back(std::exchange(part, {}));
    in_value = false;
    return {};
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ',' || c == '+') {
      CARDEA_CHECK(finish());
    } else if (c == '=' && !in_value) {
      in_value = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      const auto octet = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
      if (octet && octet->size() == 1) {
        part.value += static_cast<char>(octet->front());
        i += 2;
      } else {
        part.value += text[++i];
      }
    } else {
      (in_value ? part.value : part.type) += c;
    }
  }
  CARDEA_CHECK(finish());
  return out;
}

}  // namespace

Error openssl_error(Errc code, const std::string& doing) {
  const unsigned long last = ERR_peek_last_error();
  const char* reason = last == 0 ? nullptr : ERR_reason_error_string(last);
  ERR_clear_error();
  return {code, reason == nullptr ? doing : doing + ": " + reason};
}

Result<Key> import_public_key(const piv::PublicKey& key) {
  const auto& algorithm = info(key.algorithm);
  const auto objects = apdu::read_tlvs(key.encoded);
  const ParamBuilder builder{OSSL_PARAM_BLD_new()};
  if (!objects || builder == nullptr) return fail(Errc::corrupt, "the card's public key is malformed");
  if (!algorithm.rsa) {
    const auto point = apdu::find(*objects, 0x86);
    if (!point || point->size() != 1 + 2 * algorithm.size)
      return fail(Errc::corrupt, "the card's public key is malformed");
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                    key.algorithm == piv::KeyAlgorithm::p256 ? "P-256" : "P-384", 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point->data(), point->size());
    return key_from("EC", builder.get());
  }
  const auto modulus = apdu::find(*objects, 0x81);
  const auto exponent = apdu::find(*objects, 0x82);
  if (!modulus || !exponent || modulus->size() != algorithm.size)
    return fail(Errc::corrupt, "the card's public key is malformed");
  const Number n = to_number(*modulus);
  const Number e = to_number(*exponent);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return key_from("RSA", builder.get());
}

Result<Name> parse_name(std::string_view subject) {
  CARDEA_TRY(auto parts, split_name(subject));
  // RFC 4514, 2.1: the text starts with the last element of the sequence.
  std::reverse(parts.begin(), parts.end());
  Name name{X509_NAME_new()};
  for (const auto& part : parts) {
    const auto* value = as_bytes(part.value).data();
    if (X509_NAME_add_entry_by_txt(name.get(), part.type.c_str(), MBSTRING_UTF8, value,
                                   static_cast<int>(part.value.size()), -1, 0) != 1) {
      return tl::unexpected{
          openssl_error(Errc::invalid, "the part \"" + part.type + "\" of the subject cannot be used")};
    }
  }
  return name;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

Bio read_bio(BytesView octets) {
  return Bio{BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size()))};
}

std::string name_text(const X509_NAME* name) {
  const Bio out{BIO_new(BIO_s_mem())};
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return bio_text(out.get());
}

Result<Certificate> parse_certificate_der(BytesView der) {
  const auto* at = der.data();
  Certificate out{d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
  if (out == nullptr) return tl::unexpected{openssl_error(Errc::corrupt, "not a certificate")};
  return out;
}

Result<Bytes> certificate_der(X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return tl::unexpected{openssl_error(Errc::corrupt, "the certificate cannot be encoded")};
  Bytes out(static_cast<std::size_t>(size));
  auto* at = out.data();
  i2d_X509(certificate, &at);
  return out;
}

}  // namespace cardea::cms::ca

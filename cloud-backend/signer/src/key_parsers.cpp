// Two functions of libcrypto, defined again in this program, so that the dynamic linker gives SoftHSM these
// and not the library's. SoftHSM 2.6.1 reads the PKCS #8 of every unwrapped key with EVP_PKCS82PKEY and the
// curve of every operation with d2i_ECPKParameters. In OpenSSL 3.0 the first sets up a chain of all decoders
// that the providers have, the second computes all constants of a curve anew: 700 and 20 us, where an ECDSA
// signature takes 25. What these do not know goes to the library.

// EC_KEY and RSA are deprecated in favour of EVP; they are what SoftHSM asks for.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <dlfcn.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <optional>

#include "cardea/bytes.h"
#include "curves.h"
#include "openssl_free.h"

namespace {

using cardea::BytesView;
namespace der = cardea::signer::der;

using cardea::signer::Owned;
using EcKey = Owned<EC_KEY, EC_KEY_free>;
using Rsa = Owned<RSA, RSA_free>;
using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Number = Owned<BIGNUM, BN_clear_free>;

/// Made once; who needs one gets a copy, which takes a tenth of the time.
const EC_GROUP* group_of(int curve) {
  static EC_GROUP* const p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  static EC_GROUP* const p384 = EC_GROUP_new_by_curve_name(NID_secp384r1);
  static EC_GROUP* const p521 = EC_GROUP_new_by_curve_name(NID_secp521r1);
  switch (curve) {
    case NID_X9_62_prime256v1:
      return p256;
    case NID_secp384r1:
      return p384;
    case NID_secp521r1:
      return p521;
    default:
      return nullptr;
  }
}

int curve_of(BytesView oid) {
  if (cardea::equal(oid, der::kP256)) return NID_X9_62_prime256v1;
  if (cardea::equal(oid, der::kP384)) return NID_secp384r1;
  if (cardea::equal(oid, der::kP521)) return NID_secp521r1;
  return NID_undef;
}

/// The content of the next object, which must be of this universal type.
std::optional<BytesView> take(BytesView& from, int type, bool constructed) {
  const auto* at = from.data();
  long size = 0;
  int tag = 0;
  int tag_class = 0;
  const int flags = ASN1_get_object(&at, &size, &tag, &tag_class, static_cast<long>(from.size()));
  const int expected = constructed ? V_ASN1_CONSTRUCTED : 0;
  if (flags != expected || tag != type || tag_class != V_ASN1_UNIVERSAL) return std::nullopt;
  const BytesView content{at, static_cast<std::size_t>(size)};
  from = from.subspan(static_cast<std::size_t>(at - from.data()) + content.size());
  return content;
}

/// The scalar of an ECPrivateKey (RFC 5915, section 3). The public point is left where it is: nobody asks
/// this key for it, and to compute a missing one costs as much as a signature.
Number scalar_of(BytesView private_key) {
  auto fields = take(private_key, V_ASN1_SEQUENCE, true);
  if (!fields) return {};
  const auto version = take(*fields, V_ASN1_INTEGER, false);
  const auto octets = take(*fields, V_ASN1_OCTET_STRING, false);
  if (!version || version->size() != 1 || version->front() != 1 || !octets) return {};
  return Number{BN_bin2bn(octets->data(), static_cast<int>(octets->size()), nullptr)};
}

Pkey read_ec(const X509_ALGOR* algorithm, BytesView private_key) {
  int type = V_ASN1_UNDEF;
  const void* parameters = nullptr;
  X509_ALGOR_get0(nullptr, &type, &parameters, algorithm);
  if (type != V_ASN1_OBJECT) return {};
  const auto* group = group_of(OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(parameters)));
  const auto scalar = group != nullptr ? scalar_of(private_key) : Number{};
  EcKey key{EC_KEY_new()};
  Pkey out{EVP_PKEY_new()};
  if (!scalar || BN_is_zero(scalar.get()) == 1 || BN_cmp(scalar.get(), EC_GROUP_get0_order(group)) >= 0 ||
      !key || !out || EC_KEY_set_group(key.get(), group) != 1 ||
      EC_KEY_set_private_key(key.get(), scalar.get()) != 1 ||
      EVP_PKEY_assign_EC_KEY(out.get(), key.get()) != 1) {
    return {};
  }
  static_cast<void>(key.release());  // the EVP_PKEY owns it now
  return out;
}

Pkey read_rsa(BytesView private_key) {
  const auto* at = private_key.data();
  Rsa key{d2i_RSAPrivateKey(nullptr, &at, static_cast<long>(private_key.size()))};
  Pkey out{EVP_PKEY_new()};
  if (!key || !out || EVP_PKEY_assign_RSA(out.get(), key.get()) != 1) return {};
  static_cast<void>(key.release());  // the EVP_PKEY owns it now
  return out;
}

Pkey read_private_key(const PKCS8_PRIV_KEY_INFO* info) {
  const ASN1_OBJECT* kind = nullptr;
  const X509_ALGOR* algorithm = nullptr;
  const unsigned char* octets = nullptr;
  int size = 0;
  if (info == nullptr || PKCS8_pkey_get0(&kind, &octets, &size, &algorithm, info) != 1) return {};
  const BytesView private_key{octets, static_cast<std::size_t>(size)};
  switch (OBJ_obj2nid(kind)) {
    case NID_X9_62_id_ecPublicKey:
      return read_ec(algorithm, private_key);
    case NID_rsaEncryption:
      return read_rsa(private_key);
    default:
      return {};
  }
}

}  // namespace

extern "C" {

// NOLINTNEXTLINE(readability-identifier-naming): OpenSSL's name
EVP_PKEY* EVP_PKCS82PKEY(const PKCS8_PRIV_KEY_INFO* info) {
  if (auto key = read_private_key(info)) return key.release();
  return EVP_PKCS82PKEY_ex(info, nullptr, nullptr);  // what the library's own does
}

// NOLINTNEXTLINE(readability-identifier-naming): OpenSSL's name
EC_GROUP* d2i_ECPKParameters(EC_GROUP** out, const unsigned char** in, long size) {
  const auto* known = size > 0 ? group_of(curve_of({*in, static_cast<std::size_t>(size)})) : nullptr;
  if (known == nullptr || out != nullptr) {
    static const auto next =
        reinterpret_cast<decltype(&d2i_ECPKParameters)>(::dlsym(RTLD_NEXT, "d2i_ECPKParameters"));
    return next != nullptr ? next(out, in, size) : nullptr;
  }
  *in += size;
  return EC_GROUP_dup(known);
}

}  // extern "C"

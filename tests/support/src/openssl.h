#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

#include "cardea/bytes.h"
#include "cardea/secret.h"

namespace cardea::test {

struct Freer {
  void operator()(BIGNUM* p) const { BN_clear_free(p); }
  void operator()(BN_CTX* p) const { BN_CTX_free(p); }
  void operator()(EC_GROUP* p) const { EC_GROUP_free(p); }
  void operator()(EC_POINT* p) const { EC_POINT_clear_free(p); }
  void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};
using Bn = std::unique_ptr<BIGNUM, Freer>;
using BnCtx = std::unique_ptr<BN_CTX, Freer>;
using Group = std::unique_ptr<EC_GROUP, Freer>;
using Point = std::unique_ptr<EC_POINT, Freer>;
using CipherCtx = std::unique_ptr<EVP_CIPHER_CTX, Freer>;
using EvpKey = std::unique_ptr<EVP_PKEY, Freer>;
using EvpKeyCtx = std::unique_ptr<EVP_PKEY_CTX, Freer>;
using MdCtx = std::unique_ptr<EVP_MD_CTX, Freer>;

inline Bn number(BytesView big_endian) {
  return Bn{BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)};
}
inline Bn zero() {
  return Bn{BN_new()};
}
/// Big-endian, padded on the left; the number fits.
inline Bytes octets(const Bn& n, std::size_t size) {
  Bytes out(size);
  BN_bn2binpad(n.get(), out.data(), static_cast<int>(size));
  return out;
}

}  // namespace cardea::test

// What the signer puts in the place of two functions of libcrypto reads what those read, and nothing more.

#define OPENSSL_SUPPRESS_DEPRECATED
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>

#include "cardea/bytes.h"
#include "openssl_free.h"

namespace cardea::test {

namespace {

using signer::Owned;
using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Info = Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using Group = Owned<EC_GROUP, EC_GROUP_free>;
using EcKey = Owned<EC_KEY, EC_KEY_free>;
using Rsa = Owned<RSA, RSA_free>;

Info parse(BytesView octets) {
  const auto* at = octets.data();
  return Info{d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(octets.size()))};
}

Bytes pkcs8_of(EVP_PKEY* key) {
  const Info info{EVP_PKEY2PKCS8(key)};
  unsigned char* out = nullptr;
  const auto size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &out);
  Bytes octets(out, out + size);
  OPENSSL_free(out);
  return octets;
}

Pkey library_reads(const Info& info) {
  return Pkey{EVP_PKCS82PKEY_ex(info.get(), nullptr, nullptr)};
}
Pkey we_read(const Info& info) {
  return Pkey{EVP_PKCS82PKEY(info.get())};
}

/// Where the program's own function is, and not the library's.
bool is_ours(const char* name) {
  return ::dlsym(RTLD_DEFAULT, name) != ::dlsym(RTLD_NEXT, name);
}

}  // namespace

TEST_CASE("the functions stand before those of the library") {
  CHECK(is_ours("EVP_PKCS82PKEY"));
  CHECK(is_ours("d2i_ECPKParameters"));
}

TEST_CASE("an EC key has the curve and the scalar that the library reads") {
  for (const auto* curve : {"P-256", "P-384", "P-521"}) {
    CAPTURE(std::string{curve});
    const Pkey made{EVP_EC_gen(curve)};
    const auto info = parse(pkcs8_of(made.get()));
    const EcKey theirs{EVP_PKEY_get1_EC_KEY(library_reads(info).get())};
    const EcKey ours{EVP_PKEY_get1_EC_KEY(we_read(info).get())};
    REQUIRE(theirs);
    REQUIRE(ours);
    CHECK(EC_GROUP_cmp(EC_KEY_get0_group(ours.get()), EC_KEY_get0_group(theirs.get()), nullptr) == 0);
    CHECK(BN_cmp(EC_KEY_get0_private_key(ours.get()), EC_KEY_get0_private_key(theirs.get())) == 0);
    CHECK(EC_KEY_get0_public_key(ours.get()) == nullptr);  // not computed: nobody asks for it
  }
}

TEST_CASE("an RSA key has all the numbers that the library reads") {
  const Pkey made{EVP_RSA_gen(2048)};
  const auto info = parse(pkcs8_of(made.get()));
  const Rsa theirs{EVP_PKEY_get1_RSA(library_reads(info).get())};
  const Rsa ours{EVP_PKEY_get1_RSA(we_read(info).get())};
  REQUIRE(theirs);
  REQUIRE(ours);
  for (const auto get : {RSA_get0_n, RSA_get0_e, RSA_get0_d, RSA_get0_p, RSA_get0_q, RSA_get0_dmp1,
                         RSA_get0_dmq1, RSA_get0_iqmp}) {
    CHECK(BN_cmp(get(ours.get()), get(theirs.get())) == 0);
  }
}

TEST_CASE("keys of other kinds and curves are the library's matter") {
  for (const auto* curve : {"secp256k1", "brainpoolP256r1"}) {
    CAPTURE(std::string{curve});
    const Pkey made{EVP_EC_gen(curve)};
    const auto read = we_read(parse(pkcs8_of(made.get())));
    REQUIRE(read);
    CHECK(EVP_PKEY_eq(read.get(), made.get()) == 1);
  }
  const Pkey edwards{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  const auto read = we_read(parse(pkcs8_of(edwards.get())));
  REQUIRE(read);
  CHECK(EVP_PKEY_eq(read.get(), edwards.get()) == 1);
}

TEST_CASE("what the library refuses is refused, at every octet of a key that is cut or changed") {
  const Pkey made{EVP_EC_gen("P-256")};
  const auto whole = pkcs8_of(made.get());
  unsigned refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    for (const unsigned change : {0x00U, 0x01U, 0x80U, 0xFFU}) {
      auto octets = whole;
      octets[at] = static_cast<std::uint8_t>(octets[at] ^ change);
      const auto info = parse(octets);
      if (!info) continue;
      const auto theirs = library_reads(info);
      const auto ours = we_read(info);
      // The library also looks at the point, which is left where it is here.
      if (theirs) CHECK(ours);
      if (!ours) ++refused;
    }
    const auto cut = parse(BytesView{whole}.first(at));
    if (cut) CHECK(bool{we_read(cut)} == bool{library_reads(cut)});
  }
  CHECK(refused > 0);
  CHECK_FALSE(we_read({}));
}

TEST_CASE("scalars that are none are the library's matter") {
  const Pkey made{EVP_EC_gen("P-256")};
  const auto whole = pkcs8_of(made.get());
  // ECPrivateKey (RFC 5915): version 1, then the scalar in an OCTET STRING of 32 octets.
  const Bytes before{0x02, 0x01, 0x01, 0x04, 0x20};
  const auto at = std::search(whole.begin(), whole.end(), before.begin(), before.end()) - whole.begin();
  REQUIRE(static_cast<std::size_t>(at) + before.size() + 32 <= whole.size());
  for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{0xFF}}) {  // zero; beyond the order
    auto octets = whole;
    std::fill_n(octets.begin() + at + static_cast<std::ptrdiff_t>(before.size()), 32, fill);
    const auto info = parse(octets);
    CHECK(bool{we_read(info)} == bool{library_reads(info)});
  }
}

TEST_CASE("a curve's name gives the curve; what is no known name is the library's matter") {
  for (const auto* curve : {"P-256", "P-384", "P-521", "secp256k1"}) {
    CAPTURE(std::string{curve});
    const Group group{EC_GROUP_new_by_curve_name(
        EC_curve_nist2nid(curve) != NID_undef ? EC_curve_nist2nid(curve) : OBJ_txt2nid(curve))};
    REQUIRE(group);
    unsigned char* out = nullptr;
    const auto size = i2d_ECPKParameters(group.get(), &out);
    const Bytes octets(out, out + size);
    OPENSSL_free(out);
    const auto* at = octets.data();
    const Group read{d2i_ECPKParameters(nullptr, &at, static_cast<long>(octets.size()))};
    REQUIRE(read);
    CHECK(at == octets.data() + octets.size());
    CHECK(EC_GROUP_cmp(read.get(), group.get(), nullptr) == 0);
    at = octets.data();
    CHECK(d2i_ECPKParameters(nullptr, &at, static_cast<long>(octets.size() - 1)) == nullptr);
  }
  const Bytes none{0x06, 0x03, 0x01, 0x02, 0x03};
  const auto* at = none.data();
  CHECK(d2i_ECPKParameters(nullptr, &at, static_cast<long>(none.size())) == nullptr);
}

}  // namespace cardea::test

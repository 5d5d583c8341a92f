// Attestations, read by OpenSSL: the chain, the key, and Yubico's extensions.

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "cardea/hex.h"
#include "cardea/vault/sealed_key.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

struct Free {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
  void operator()(ASN1_OBJECT* p) const { ASN1_OBJECT_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Owned<X509> parse(BytesView der) {
  const auto* at = der.data();
  Owned<X509> out{d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
  REQUIRE(out);
  CHECK(at == der.data() + der.size());
  return out;
}

bool verifies(X509* certificate, X509* authority) {
  const Owned<X509_STORE> store{X509_STORE_new()};
  X509_STORE_add_cert(store.get(), authority);
  const Owned<X509_STORE_CTX> ctx{X509_STORE_CTX_new()};
  X509_STORE_CTX_init(ctx.get(), store.get(), certificate, nullptr);
  return X509_verify_cert(ctx.get()) == 1;
}

std::string extension(const X509* certificate, const char* identifier) {
  const Owned<ASN1_OBJECT> object{OBJ_txt2obj(identifier, 1)};
  const int at = X509_get_ext_by_OBJ(certificate, object.get(), -1);
  if (at < 0) return "absent";
  const auto* value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
  return to_hex(BytesView{ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
}

Bytes key_info(const card::PublicKey& key, X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  REQUIRE(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  CHECK(X509_get0_pubkey(certificate) != nullptr);
  // The key's own octets stand at the end of its SubjectPublicKeyInfo.
  const auto& expected = key.point.empty() ? key.modulus : key.point;
  const auto tail = key.point.empty() ? BytesView{out}.last(expected.size() + 5).first(expected.size())
                                      : BytesView{out}.last(expected.size());
  CHECK(equal(tail, expected));
  return out;
}

constexpr card::AttestationFacts kFacts{{5, 4, 3}, 0x00BADA55, 2, 1, 1};

void attests(vault::Vault& vault, std::initializer_list<card::Algorithm> algorithms) {
  const auto keys = vault.keys_of("acme", "card-1");
  const auto issuer = keys->attestation_certificate().value();
  CHECK(vault.keys_of("acme", "card-2")->attestation_certificate().value() == issuer);
  const auto authority = parse(issuer);
  CHECK(verifies(authority.get(), authority.get()));
  CHECK(X509_check_ca(authority.get()) == 1);

  for (const auto algorithm : algorithms) {
    CAPTURE(std::string{card::name(algorithm)});
    const auto key = keys->generate({0x9A, 3}, algorithm).value();
    CHECK(vault::SealedKey::parse(key.sealed).value().origin == vault::KeyMaking::generated);
    const auto certificate = parse(keys->attest(key, kFacts).value());
    CHECK(verifies(certificate.get(), authority.get()));
    (void)key_info(key.public_key, certificate.get());
    CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.3") == "050403");
    CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.7") == "020400BADA55");
    CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.8") == "0201");
    CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.9") == "01");
    char subject[64] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, subject,
                              sizeof subject);
    CHECK(std::string{subject} == "Cardea PIV Attestation of slot 9A");

    auto moved = key;
    moved.slot.reference = 0x9C;
    CHECK(keys->attest(moved, kFacts).error().code == Errc::corrupt);
  }

  const auto imported =
      keys->import_ec({0x9A, 1}, card::Algorithm::p256, SecretBytes{BytesView{Bytes(32, 0x42)}}).value();
  CHECK(vault::SealedKey::parse(imported.sealed).value().origin == vault::KeyMaking::imported);
  CHECK(keys->attest(imported, kFacts).error().code == Errc::invalid);

  REQUIRE(vault.ensure_tenant("other").has_value());
  const auto other = parse(vault.keys_of("other", "card-1")->attestation_certificate().value());
  const auto key = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
  CHECK_FALSE(verifies(parse(keys->attest(key, kFacts).value()).get(), other.get()));
  CHECK(vault.keys_of("nobody", "card-1")->attestation_certificate().error().code == Errc::not_found);
}

}  // namespace

TEST_CASE("keys made in SoftHSM are attested by the tenant's key in the HSM, imported ones are not [B1]") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  attests(*vault,
          {card::Algorithm::rsa2048, card::Algorithm::p256, card::Algorithm::p384, card::Algorithm::p521});
}

TEST_CASE("keys made in the software token are attested, of every algorithm [A7]") {
  const ScratchDirectory scratch;
  auto token = vault::init_software(scratch.path()).value();
  vault::Options options;
  options.module = token.module;
  options.so_pin = token.root_key.clone();
  options.user_pin = std::move(token.root_key);
  const auto vault = vault::Vault::open(std::move(options)).value();
  REQUIRE(vault->ensure_tenant("acme").has_value());
  attests(*vault,
          {card::Algorithm::rsa2048, card::Algorithm::rsa3072, card::Algorithm::p256, card::Algorithm::p384,
           card::Algorithm::p521, card::Algorithm::ed25519, card::Algorithm::x25519});
}

TEST_CASE("a key made ahead and adopted, and a key wrapped anew, are still attested as made here") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  const auto keys = vault->keys_of("acme", "card-1");
  const auto spare = vault->make_spare("acme", card::Algorithm::p256).value();
  auto key = vault->adopt("acme", "card-1", {0x9A, 9}, spare).value();
  CHECK(keys->attest(key, kFacts).has_value());
  key.sealed = vault->rewrap("acme", "card-1", key).value();
  CHECK(keys->attest(key, kFacts).has_value());
}

}  // namespace cardea::test

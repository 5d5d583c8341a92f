// What somebody who has the token's user PIN and a stolen handle can do with PKCS#11, and cannot. These tests
// load the module themselves, in a process that starts no vault while it does so.

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>

#include "cardea/signer/module.h"
#include "cardea/signer/tenant_keys.h"
#include "cardea/vault/sealed_key.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

using signer::attribute;
using signer::kNo;
using signer::kYes;

constexpr CK_OBJECT_CLASS kPrivateKey = CKO_PRIVATE_KEY;
constexpr CK_OBJECT_CLASS kSecretKey = CKO_SECRET_KEY;
constexpr CK_KEY_TYPE kEc = CKK_EC;
constexpr CK_KEY_TYPE kAes = CKK_AES;

/// A session of the rogue user, and the wrapped key of card-1.
struct Rogue {
  signer::Session session;
  CK_OBJECT_HANDLE kek;
  Bytes wrapped;

  CK_RV unwrap(std::vector<CK_ATTRIBUTE> attributes, CK_OBJECT_HANDLE& key) {
    CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
    attributes.push_back(attribute(CKA_CLASS, kPrivateKey));
    attributes.push_back(attribute(CKA_KEY_TYPE, kEc));
    return session.module()->C_UnwrapKey(session.handle(), &mechanism, kek, wrapped.data(), wrapped.size(),
                                         attributes.data(), attributes.size(), &key);
  }
};

Rogue break_in() {
  const auto& token = shared_token();
  static const Bytes wrapped = [&] {
    const auto vault = vault::Vault::open(token.options()).value();
    const auto key = vault->keys_of("acme", "card-1")->generate({0x9A, 1}, card::Algorithm::p256).value();
    return vault::SealedKey::parse(key.sealed).value().wrapped;
  }();
  static const auto module = [&] {
    ::setenv("SOFTHSM2_CONF", token.hsm().config_file.c_str(),
             1);  // NOLINT(concurrency-mt-unsafe): one thread
    return signer::Module::load(token.hsm().module).value();
  }();
  auto session = signer::Session::open(module, module.find_token("cardea").value(), true).value();
  REQUIRE(session.login(CKU_USER, "user", token.hsm().user_pin.expose()).has_value());
  const auto kek = signer::find_tenant_keys(session, "acme", 1).value().kek;
  return {std::move(session), kek, wrapped};
}

}  // namespace

TEST_CASE("the key-encryption key has the attributes of the design [B3]") {
  auto rogue = break_in();
  const auto flag = [&](CK_ATTRIBUTE_TYPE type) {
    return rogue.session.get(rogue.kek, type).value() == Bytes{1};
  };
  for (const auto type : {CKA_TRUSTED, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE,
                          CKA_PRIVATE, CKA_TOKEN, CKA_WRAP, CKA_UNWRAP, CKA_LOCAL}) {
    CAPTURE(type);
    CHECK(flag(type));
  }
  for (const auto type :
       {CKA_EXTRACTABLE, CKA_DESTROYABLE, CKA_MODIFIABLE, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_DERIVE}) {
    CAPTURE(type);
    CHECK_FALSE(flag(type));
  }
  CK_MECHANISM_TYPE allowed = 0;
  CK_ATTRIBUTE wanted{CKA_ALLOWED_MECHANISMS, &allowed, sizeof allowed};
  REQUIRE(rogue.session.module()->C_GetAttributeValue(rogue.session.handle(), rogue.kek, &wanted, 1) ==
          CKR_OK);
  CHECK(allowed == CKM_AES_KEY_WRAP_PAD);
}

TEST_CASE("a tenant's signing keys never leave the HSM and do nothing but sign [B1]") {
  auto rogue = break_in();
  const auto& module = rogue.session.module();
  for (const auto purpose : {signer::SigningPurpose::manifest, signer::SigningPurpose::attestation}) {
    const auto key = signer::find_signing_key(rogue.session, "acme", purpose).value().private_key;
    const auto flag = [&](CK_ATTRIBUTE_TYPE type) {
      return rogue.session.get(key, type).value() == Bytes{1};
    };
    for (const auto type : {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE,
                            CKA_NEVER_EXTRACTABLE, CKA_SIGN, CKA_LOCAL}) {
      CAPTURE(type);
      CHECK(flag(type));
    }
    for (const auto type : {CKA_EXTRACTABLE, CKA_DERIVE, CKA_DECRYPT, CKA_UNWRAP, CKA_MODIFIABLE}) {
      CAPTURE(type);
      CHECK_FALSE(flag(type));
    }
    CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
    Bytes out(4096);
    CK_ULONG length = out.size();
    CHECK(module->C_WrapKey(rogue.session.handle(), &mechanism, rogue.kek, key, out.data(), &length) ==
          CKR_KEY_UNEXTRACTABLE);
    CHECK(module->C_DestroyObject(rogue.session.handle(), key) == CKR_ACTION_PROHIBITED);
    auto change = attribute(CKA_EXTRACTABLE, kYes);
    CHECK(module->C_SetAttributeValue(rogue.session.handle(), key, &change, 1) == CKR_ACTION_PROHIBITED);
  }
}

TEST_CASE("a user key cannot be unwrapped as a readable one [B3]") {
  auto rogue = break_in();
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  CHECK(rogue.unwrap({attribute(CKA_SENSITIVE, kNo), attribute(CKA_EXTRACTABLE, kYes)}, key) ==
        CKR_TEMPLATE_INCONSISTENT);
  CHECK(rogue.unwrap({attribute(CKA_SENSITIVE, kYes), attribute(CKA_EXTRACTABLE, kYes),
                      attribute(CKA_WRAP_WITH_TRUSTED, kNo)},
                     key) == CKR_TEMPLATE_INCONSISTENT);
  CHECK(rogue.unwrap({attribute(CKA_SENSITIVE, kYes), attribute(CKA_TOKEN, kYes),
                      attribute(CKA_WRAP_WITH_TRUSTED, kYes)},
                     key) == CKR_TEMPLATE_INCONSISTENT);
}

TEST_CASE("a user key cannot be wrapped with a key of the rogue's own [B3]") {
  auto rogue = break_in();
  const auto& module = rogue.session.module();
  const CK_ULONG size = 32;
  CK_MECHANISM generation{CKM_AES_KEY_GEN, nullptr, 0};
  std::array own{attribute(CKA_CLASS, kSecretKey), attribute(CKA_KEY_TYPE, kAes),
                 attribute(CKA_VALUE_LEN, size),   attribute(CKA_TOKEN, kNo),
                 attribute(CKA_WRAP, kYes),        attribute(CKA_EXTRACTABLE, kYes),
                 attribute(CKA_SENSITIVE, kNo)};
  CK_OBJECT_HANDLE wrapping = CK_INVALID_HANDLE;
  REQUIRE(module->C_GenerateKey(rogue.session.handle(), &generation, own.data(), own.size(), &wrapping) ==
          CKR_OK);
  auto trusted = attribute(CKA_TRUSTED, kYes);
  CHECK(module->C_SetAttributeValue(rogue.session.handle(), wrapping, &trusted, 1) ==
        CKR_ATTRIBUTE_READ_ONLY);

  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  REQUIRE(rogue.unwrap({attribute(CKA_SENSITIVE, kYes), attribute(CKA_EXTRACTABLE, kYes),
                        attribute(CKA_WRAP_WITH_TRUSTED, kYes), attribute(CKA_TOKEN, kNo)},
                       key) == CKR_OK);
  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  Bytes out(4096);
  CK_ULONG length = out.size();
  CHECK(module->C_WrapKey(rogue.session.handle(), &mechanism, wrapping, key, out.data(), &length) ==
        CKR_KEY_NOT_WRAPPABLE);
  CK_ATTRIBUTE value{CKA_VALUE, out.data(), out.size()};
  CHECK(module->C_GetAttributeValue(rogue.session.handle(), key, &value, 1) == CKR_ATTRIBUTE_SENSITIVE);
}

TEST_CASE("the key-encryption key cannot be changed, destroyed, or copied into something weaker [B3]") {
  auto rogue = break_in();
  const auto& module = rogue.session.module();
  const auto handle = rogue.session.handle();
  CHECK(module->C_DestroyObject(handle, rogue.kek) == CKR_ACTION_PROHIBITED);
  for (auto change : {attribute(CKA_DECRYPT, kYes), attribute(CKA_EXTRACTABLE, kYes),
                      attribute(CKA_SENSITIVE, kNo), attribute(CKA_MODIFIABLE, kYes)}) {
    CAPTURE(change.type);
    CHECK(module->C_SetAttributeValue(handle, rogue.kek, &change, 1) == CKR_ACTION_PROHIBITED);
    std::array copy{attribute(CKA_TOKEN, kNo), change};
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    CHECK(module->C_CopyObject(handle, rogue.kek, copy.data(), copy.size(), &made) ==
          CKR_ATTRIBUTE_READ_ONLY);
  }
  std::array<CK_ATTRIBUTE, 1> loose{attribute(CKA_SENSITIVE, kNo)};
  CK_ATTRIBUTE weaker{CKA_UNWRAP_TEMPLATE, loose.data(), sizeof loose};
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  CHECK(module->C_CopyObject(handle, rogue.kek, &weaker, 1, &made) == CKR_ATTRIBUTE_READ_ONLY);
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  CHECK(module->C_DecryptInit(handle, &ecb, rogue.kek) == CKR_KEY_FUNCTION_NOT_PERMITTED);
}

}  // namespace cardea::test

#include "cardea/signer/tenant_keys.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <array>

#include "certificate.h"
#include "checks.h"
#include "curves.h"

namespace cardea::signer {

namespace {

constexpr CK_OBJECT_CLASS kSecretKey = CKO_SECRET_KEY;
constexpr CK_OBJECT_CLASS kPrivateKey = CKO_PRIVATE_KEY;
constexpr CK_OBJECT_CLASS kPublicKey = CKO_PUBLIC_KEY;
constexpr CK_OBJECT_CLASS kData = CKO_DATA;
constexpr CK_KEY_TYPE kAes = CKK_AES;
constexpr CK_KEY_TYPE kGenericSecret = CKK_GENERIC_SECRET;
constexpr CK_ULONG kKeyOctets = 32;
constexpr std::string_view kBindingPurpose = "cardea binding 1";
constexpr std::string_view kSecretPurpose = "cardea secret 1";
constexpr std::size_t kMaxLabel = 64;
constexpr std::size_t kMaxSecret = 512;

Result<CK_OBJECT_HANDLE> find_one(const Session& session, const std::string& label,
                                  CK_OBJECT_CLASS kind = kSecretKey) {
  CARDEA_TRY(const auto found, session.find({attribute(CKA_CLASS, kind), attribute(CKA_TOKEN, kYes),
                                             attribute(CKA_LABEL, as_bytes(label))}));
  if (found.empty()) return fail(Errc::not_found, "the token has no key named \"" + label + "\"");
  if (found.size() > 1) return fail(Errc::conflict, "the token has two keys named \"" + label + "\"");
  return found.front();
}

Result<Secret<32>> hmac(const Session& session, CK_OBJECT_HANDLE key, BytesView message) {
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  auto code = session.module()->C_SignInit(session.handle(), &mechanism, key);
  if (code != CKR_OK) return tl::unexpected{pkcs11_error("C_SignInit with the MAC key", code)};
  Secret<32> mac;
  CK_ULONG size = mac.size();
  code =
      session.module()->C_Sign(session.handle(), octets(message), message.size(), mac.expose().data(), &size);
  if (code != CKR_OK || size != mac.size()) {
    return tl::unexpected{pkcs11_error("C_Sign with the MAC key", code)};
  }
  return mac;
}

// A session object of the security officer: public and copyable, so that the user's session can take it over.
// Nothing of it reaches the disk, and CKA_SENSITIVE keeps its value from being read meanwhile.
Result<CK_OBJECT_HANDLE> generate_trusted(const Session& session) {
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  std::array<CK_MECHANISM_TYPE, 1> allowed{CKM_AES_KEY_WRAP_PAD};
  std::array unwrap{attribute(CKA_SENSITIVE, kYes), attribute(CKA_WRAP_WITH_TRUSTED, kYes),
                    attribute(CKA_TOKEN, kNo)};
  std::array attributes{
      attribute(CKA_CLASS, kSecretKey),
      attribute(CKA_KEY_TYPE, kAes),
      attribute(CKA_VALUE_LEN, kKeyOctets),
      attribute(CKA_TOKEN, kNo),
      attribute(CKA_PRIVATE, kNo),
      attribute(CKA_TRUSTED, kYes),
      attribute(CKA_SENSITIVE, kYes),
      attribute(CKA_EXTRACTABLE, kNo),
      attribute(CKA_WRAP, kYes),
      attribute(CKA_UNWRAP, kYes),
      attribute(CKA_ENCRYPT, kNo),
      attribute(CKA_DECRYPT, kNo),
      attribute(CKA_SIGN, kNo),
      attribute(CKA_VERIFY, kNo),
      attribute(CKA_DERIVE, kNo),
      CK_ATTRIBUTE{CKA_ALLOWED_MECHANISMS, allowed.data(), sizeof allowed},
      CK_ATTRIBUTE{CKA_UNWRAP_TEMPLATE, unwrap.data(), sizeof unwrap},
  };
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  if (const auto code = session.module()->C_GenerateKey(session.handle(), &mechanism, attributes.data(),
                                                        attributes.size(), &key);
      code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_GenerateKey for the key-encryption key", code)};
  }
  return key;
}

Result<void> keep_as_kek(const Session& session, CK_OBJECT_HANDLE made, const std::string& label) {
  std::array<std::uint8_t, 16> id{};
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return fail(Errc::unavailable, "the system gives no random octets");
  }
  // SoftHSM 2.6.1 applies these in order: with CKA_MODIFIABLE before CKA_DESTROYABLE it refuses the latter.
  // It never lets a copy become uncopyable; an unmodifiable one it does not copy either.
  std::array attributes{
      attribute(CKA_TOKEN, kYes),
      attribute(CKA_PRIVATE, kYes),
      attribute(CKA_LABEL, as_bytes(label)),
      attribute(CKA_ID, BytesView{id}),
      attribute(CKA_DESTROYABLE, kNo),
      attribute(CKA_MODIFIABLE, kNo),
  };
  CK_OBJECT_HANDLE kek = CK_INVALID_HANDLE;
  const auto code =
      session.module()->C_CopyObject(session.handle(), made, attributes.data(), attributes.size(), &kek);
  if (code != CKR_OK) return tl::unexpected{pkcs11_error("C_CopyObject for the key-encryption key", code)};
  return {};
}

Result<void> generate_mac_key(const Session& session, const std::string& label) {
  CK_MECHANISM mechanism{CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
  std::array attributes{
      attribute(CKA_CLASS, kSecretKey),
      attribute(CKA_KEY_TYPE, kGenericSecret),
      attribute(CKA_VALUE_LEN, kKeyOctets),
      attribute(CKA_LABEL, as_bytes(label)),
      attribute(CKA_TOKEN, kYes),
      attribute(CKA_PRIVATE, kYes),
      attribute(CKA_SENSITIVE, kYes),
      attribute(CKA_EXTRACTABLE, kNo),
      attribute(CKA_SIGN, kYes),
      attribute(CKA_VERIFY, kNo),
      attribute(CKA_ENCRYPT, kNo),
      attribute(CKA_DECRYPT, kNo),
      attribute(CKA_WRAP, kNo),
      attribute(CKA_UNWRAP, kNo),
      attribute(CKA_DERIVE, kNo),
      attribute(CKA_MODIFIABLE, kNo),
      attribute(CKA_COPYABLE, kNo),
      attribute(CKA_DESTROYABLE, kNo),
  };
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  if (const auto code = session.module()->C_GenerateKey(session.handle(), &mechanism, attributes.data(),
                                                        attributes.size(), &key);
      code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_GenerateKey for the MAC key", code)};
  }
  return {};
}

// The public half is private to the user too: SoftHSM would keep a public object on the disk in the clear.
Result<void> generate_signing_key(const Session& session, const std::string& label) {
  std::array public_part{
      attribute(CKA_EC_PARAMS, BytesView{der::kP256}),
      attribute(CKA_LABEL, as_bytes(label)),
      attribute(CKA_TOKEN, kYes),
      attribute(CKA_PRIVATE, kYes),
      attribute(CKA_VERIFY, kYes),
      attribute(CKA_MODIFIABLE, kNo),
      attribute(CKA_DESTROYABLE, kNo),
  };
  std::array private_part{
      attribute(CKA_LABEL, as_bytes(label)),
      attribute(CKA_TOKEN, kYes),
      attribute(CKA_PRIVATE, kYes),
      attribute(CKA_SENSITIVE, kYes),
      attribute(CKA_EXTRACTABLE, kNo),
      attribute(CKA_SIGN, kYes),
      attribute(CKA_DERIVE, kNo),
      attribute(CKA_DECRYPT, kNo),
      attribute(CKA_UNWRAP, kNo),
      attribute(CKA_MODIFIABLE, kNo),
      attribute(CKA_COPYABLE, kNo),
      attribute(CKA_DESTROYABLE, kNo),
  };
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  if (const auto code = session.module()->C_GenerateKeyPair(session.handle(), &mechanism, public_part.data(),
                                                            public_part.size(), private_part.data(),
                                                            private_part.size(), &public_key, &private_key);
      code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_GenerateKeyPair for a signing key", code)};
  }
  return {};
}

// A data object beside the key: every signature of the same parts is another, and the certificate has to
// stay.
Result<void> make_attestation_certificate(const Session& session, const std::string& tenant) {
  CARDEA_TRY(const auto key, find_signing_key(session, tenant, SigningPurpose::attestation));
  const auto parts = attestation_authority(tenant, key.public_key);
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(parts.data(), parts.size(), digest.data());
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  auto code = session.module()->C_SignInit(session.handle(), &mechanism, key.private_key);
  if (code != CKR_OK) return tl::unexpected{pkcs11_error("C_SignInit with the attestation key", code)};
  Bytes signature(64);
  CK_ULONG size = signature.size();
  code = session.module()->C_Sign(session.handle(), digest.data(), digest.size(), signature.data(), &size);
  if (code != CKR_OK) return tl::unexpected{pkcs11_error("C_Sign with the attestation key", code)};
  if (!ecdsa_matches(card::Algorithm::p256, key.public_key, digest, signature))
    return fail(Errc::corrupt, "the HSM's signature does not match the attestation key");

  const auto certificate = signed_certificate(parts, signature);
  const auto label = signing_label(SigningPurpose::attestation, tenant);
  std::array attributes{
      attribute(CKA_CLASS, kData),    attribute(CKA_TOKEN, kYes),
      attribute(CKA_PRIVATE, kYes),   attribute(CKA_LABEL, as_bytes(label)),
      attribute(CKA_MODIFIABLE, kNo), attribute(CKA_VALUE, BytesView{certificate}),
  };
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  code = session.module()->C_CreateObject(session.handle(), attributes.data(), attributes.size(), &object);
  if (code != CKR_OK)
    return tl::unexpected{pkcs11_error("C_CreateObject for the attestation certificate", code)};
  return {};
}

Result<void> ensure_signing_keys(const Session& session, const std::string& tenant) {
  for (const auto purpose : {SigningPurpose::manifest, SigningPurpose::attestation}) {
    const auto label = signing_label(purpose, tenant);
    const auto found = find_one(session, label, kPrivateKey);
    if (!found && found.error().code != Errc::not_found) return tl::unexpected{found.error()};
    if (!found) CARDEA_CHECK(generate_signing_key(session, label));
  }
  const auto certificate = find_one(session, signing_label(SigningPurpose::attestation, tenant), kData);
  if (certificate || certificate.error().code != Errc::not_found)
    return certificate.map([](CK_OBJECT_HANDLE) {});
  return make_attestation_certificate(session, tenant);
}

}  // namespace

std::string signing_label(SigningPurpose purpose, const std::string& tenant) {
  return (purpose == SigningPurpose::manifest ? "cardea-sign/" : "cardea-attest/") + tenant + "/1";
}

Result<SigningKey> find_signing_key(const Session& session, const std::string& tenant,
                                    SigningPurpose purpose) {
  const auto label = signing_label(purpose, tenant);
  SigningKey out;
  CARDEA_TRY(out.private_key, find_one(session, label, kPrivateKey));
  CARDEA_TRY(const auto public_key, find_one(session, label, kPublicKey));
  CARDEA_TRY(const auto point, session.get(public_key, CKA_EC_POINT));
  out.public_key.algorithm = card::Algorithm::p256;
  CARDEA_TRY(out.public_key.point, bare_point(card::Algorithm::p256, point));
  return out;
}

Result<Bytes> find_attestation_certificate(const Session& session, const std::string& tenant) {
  CARDEA_TRY(const auto object, find_one(session, signing_label(SigningPurpose::attestation, tenant), kData));
  return session.get(object, CKA_VALUE);
}

std::string kek_label(const std::string& tenant, std::uint32_t version) {
  return "cardea-kek/" + tenant + "/" + std::to_string(version);
}
std::string mac_label(const std::string& tenant, std::uint32_t version) {
  return "cardea-mac/" + tenant + "/" + std::to_string(version);
}

Result<TenantKeys> find_tenant_keys(const Session& session, const std::string& tenant,
                                    std::uint32_t version) {
  TenantKeys out;
  CARDEA_TRY(out.kek, find_one(session, kek_label(tenant, version)));
  CARDEA_TRY(out.kek_id, session.get(out.kek, CKA_ID));
  CARDEA_TRY(const auto mac, find_one(session, mac_label(tenant, version)));
  CARDEA_TRY(out.binding, hmac(session, mac, as_bytes(kBindingPurpose)));
  return out;
}

Result<SecretBytes> expand_tenant_secret(const Session& session, const std::string& tenant, BytesView label,
                                         std::size_t size) {
  if (label.empty() || label.size() > kMaxLabel || size == 0 || size > kMaxSecret) {
    return fail(Errc::invalid, "a tenant's secret has a label and 1 to 512 octets");
  }
  CARDEA_TRY(const auto mac, find_one(session, mac_label(tenant, kFirstVersion)));
  Bytes message = to_bytes(as_bytes(kSecretPurpose));
  message.push_back(static_cast<std::uint8_t>(label.size()));
  append(message, label);
  append_be16(message, static_cast<std::uint16_t>(size));
  message.push_back(0);
  SecretBytes out{size};
  for (std::size_t done = 0; done < size;) {
    ++message.back();
    CARDEA_TRY(const auto block, hmac(session, mac, message));
    const auto n = std::min(block.size(), size - done);
    std::copy_n(block.expose().begin(), n, out.expose().begin() + static_cast<std::ptrdiff_t>(done));
    done += n;
  }
  return out;
}

Result<void> make_tenant_keys(const Module& module, CK_SLOT_ID slot, const std::string& tenant,
                              std::uint32_t version, BytesView so_pin, BytesView user_pin) {
  CARDEA_TRY(auto session, Session::open(module, slot, true));
  CARDEA_CHECK(session.login(CKU_USER, "user", user_pin));
  const auto kek = find_one(session, kek_label(tenant, version));
  if (!kek && kek.error().code != Errc::not_found) return tl::unexpected{kek.error()};
  const auto mac = find_one(session, mac_label(tenant, version));
  if (!mac && mac.error().code != Errc::not_found) return tl::unexpected{mac.error()};

  // The MAC key and the signing keys come first: a tenant whose KEK is there is complete, whatever
  // interrupted an earlier attempt. (Tenants of old have no signing keys; they get them here, at the first
  // use.)
  if (!mac) CARDEA_CHECK(generate_mac_key(session, mac_label(tenant, version)));
  CARDEA_CHECK(ensure_signing_keys(session, tenant));
  if (kek) return {};
  if (so_pin.empty()) {
    return fail(Errc::not_found,
                "the tenant has no key-encryption key, and the security officer's PIN is not known here");
  }
  module->C_Logout(session.handle());
  CARDEA_CHECK(session.login(CKU_SO, "security officer", so_pin));
  CARDEA_TRY(const auto made, generate_trusted(session));
  const Ephemeral original{session, made};
  module->C_Logout(session.handle());
  CARDEA_CHECK(session.login(CKU_USER, "user", user_pin));
  return keep_as_kek(session, made, kek_label(tenant, version));
}

Result<void> set_pin(const Module& module, CK_SLOT_ID slot, bool officer, BytesView old_pin,
                     BytesView new_pin) {
  const auto type = officer ? CKU_SO : CKU_USER;
  const auto* who = officer ? "security officer" : "user";
  CARDEA_TRY(auto session, Session::open(module, slot, true));
  // The old one first: it is the one that is set unless an earlier attempt was cut off, and tries are
  // counted.
  auto as_before = session.login(type, who, old_pin);
  if (as_before) {
    const auto code =
        module->C_SetPIN(session.handle(), octets(old_pin), old_pin.size(), octets(new_pin), new_pin.size());
    if (code != CKR_OK) return tl::unexpected{pkcs11_error("C_SetPIN", code)};
    module->C_Logout(session.handle());
  } else if (as_before.error().code != Errc::denied) {
    return as_before;
  }
  return session.login(type, who, new_pin);
}

Result<void> init_token(const Module& module, const std::string& label, BytesView so_pin,
                        BytesView user_pin) {
  CARDEA_TRY(const auto blank, module.find_blank());
  std::array<CK_UTF8CHAR, 32> padded{};
  padded.fill(' ');
  if (label.size() > padded.size()) return fail(Errc::invalid, "a token label has at most 32 octets");
  std::ranges::copy(label, padded.begin());
  if (const auto code = module->C_InitToken(blank, octets(so_pin), so_pin.size(), padded.data());
      code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_InitToken", code)};
  }
  CARDEA_TRY(const auto slot, module.find_token(label));
  CARDEA_TRY(auto session, Session::open(module, slot, true));
  CARDEA_CHECK(session.login(CKU_SO, "security officer", so_pin));
  if (const auto code = module->C_InitPIN(session.handle(), octets(user_pin), user_pin.size());
      code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_InitPIN", code)};
  }
  module->C_Logout(session.handle());
  return {};
}

}  // namespace cardea::signer

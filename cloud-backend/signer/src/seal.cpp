#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <vector>

#include "cardea/signer/worker.h"
#include "cardea/vault/sealed_key.h"
#include "curves.h"

namespace cardea::signer {

namespace {

using vault::SealedKey;

constexpr CK_OBJECT_CLASS kPrivateKey = CKO_PRIVATE_KEY;
constexpr CK_OBJECT_CLASS kSecretKey = CKO_SECRET_KEY;

CK_KEY_TYPE key_type(card::Algorithm algorithm) {
  if (card::is_rsa(algorithm)) return CKK_RSA;
  if (card::is_ec(algorithm)) return CKK_EC;
  if (algorithm == card::Algorithm::ed25519) return CKK_EC_EDWARDS;
  if (algorithm == card::Algorithm::x25519) return kEcMontgomery;
  return algorithm == card::Algorithm::tdes ? CKK_DES3 : CKK_AES;
}

std::array<std::uint8_t, 32> digest(BytesView data) {
  std::array<std::uint8_t, 32> out{};
  ::SHA256(data.data(), data.size(), out.data());
  return out;
}

std::array<std::uint8_t, 32> tag_of(const TenantKeys& keys, BytesView data) {
  std::array<std::uint8_t, 32> out{};
  unsigned size = out.size();
  const auto key = keys.binding.expose();
  ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), data.size(), out.data(), &size);
  return out;
}

std::array<std::uint8_t, 32> public_digest(const vault::wire::Request& request, const card::PublicKey& key) {
  return digest(vault::public_key_encoding(request.algorithm, key));
}

}  // namespace

Result<Bytes> Worker::seal(const Request& request, const card::PublicKey& public_key, const Ephemeral& key,
                           vault::KeyMaking origin) {
  CARDEA_TRY(const auto* keys, tenant_keys(request.tenant, request.kek_version));
  SealedKey sealed;
  sealed.kek_version = request.kek_version;
  sealed.mode = wrapped_mode();
  sealed.origin = origin;
  sealed.kek_id = keys->kek_id;
  sealed.tenant = request.tenant;
  sealed.card = request.card;
  sealed.slot = request.slot;
  sealed.algorithm = request.algorithm;
  sealed.public_digest = public_digest(request, public_key);

  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  sealed.wrapped.resize(4096);
  CK_ULONG size = sealed.wrapped.size();
  const auto code = session_.module()->C_WrapKey(session_.handle(), &mechanism, keys->kek, key.handle(),
                                                 sealed.wrapped.data(), &size);
  if (code != CKR_OK) return refuse("C_WrapKey", code);
  sealed.wrapped.resize(size);
  return tagged(sealed);
}

Result<Bytes> Worker::tagged(const SealedKey& handle) {
  CARDEA_TRY(const auto* keys, tenant_keys(handle.tenant, handle.kek_version));
  CARDEA_TRY(auto out, handle.authenticated_part());
  append(out, tag_of(*keys, out));
  return out;
}

Result<SealedKey> Worker::authentic(const Request& request) {
  CARDEA_TRY(auto sealed, SealedKey::parse(request.sealed));
  if (sealed.tenant != request.tenant || sealed.card != request.card) {
    return fail(Errc::corrupt, "the wrapped key belongs to another card");
  }
  if (sealed.slot.reference != request.slot.reference || sealed.slot.version != request.slot.version ||
      sealed.algorithm != request.algorithm) {
    return fail(Errc::corrupt, "the wrapped key belongs to another slot of the card");
  }
  if (sealed.public_digest != public_digest(request, request.public_key)) {
    return fail(Errc::corrupt, "the wrapped key belongs to another public key");
  }
  const auto keys = tenant_keys(request.tenant, sealed.kek_version);
  if (!keys) {
    // A damaged version number and a key-encryption key that was deleted look alike; neither is the caller's
    // mistake.
    if (keys.error().code != Errc::not_found) return tl::unexpected{keys.error()};
    return fail(Errc::corrupt, "the wrapped key names a key-encryption key that is not there");
  }
  const auto& tenant = **keys;
  if (sealed.kek_id != tenant.kek_id) {
    return fail(Errc::corrupt, "the wrapped key was made with another key-encryption key");
  }
  const auto covered = BytesView{request.sealed}.first(request.sealed.size() - SealedKey::kTagSize);
  if (!constant_time_equal(tag_of(tenant, covered), sealed.tag)) {
    return fail(Errc::corrupt, "the wrapped key is damaged");
  }
  if (sealed.mode != SealedKey::kModeResident && sealed.mode != wrapped_mode()) {
    return fail(Errc::corrupt, "the wrapped key was made by another kind of vault");
  }
  return sealed;
}

std::uint8_t Worker::wrapped_mode() const {
  return session_.module().software() ? SealedKey::kModeSoftware : SealedKey::kModeWrapped;
}

Result<Ephemeral> Worker::unseal(const Request& request, Unwrapped purpose) {
  CARDEA_TRY(const auto sealed, authentic(request));
  if (sealed.mode == SealedKey::kModeResident) {
    CARDEA_TRY(const auto object, resident(request, sealed.wrapped));
    return Ephemeral::borrowed(session_, object);
  }
  const bool keeping = request.keep && purpose == Unwrapped::to_use;
  if (keeping) {
    if (auto known = kept(request, sealed)) return *std::move(known);
  }
  const auto type = key_type(request.algorithm);
  const auto symmetric = card::is_symmetric(request.algorithm);
  const auto every_use = purpose == Unwrapped::to_keep;
  const auto permitted = permission(request.op);
  const auto agreeing = permitted == Permitted::agreement;
  const auto decrypting = permitted == Permitted::decryption;
  std::vector<CK_ATTRIBUTE> attributes{
      attribute(CKA_CLASS, symmetric ? kSecretKey : kPrivateKey),
      attribute(CKA_KEY_TYPE, type),
      attribute(CKA_TOKEN, kNo),
      attribute(CKA_PRIVATE, kYes),
      attribute(CKA_SENSITIVE, kYes),
      attribute(CKA_EXTRACTABLE, purpose == Unwrapped::to_rewrap ? kYes : kNo),
      attribute(CKA_WRAP_WITH_TRUSTED, kYes),
      attribute(symmetric ? CKA_ENCRYPT : CKA_SIGN, (agreeing || decrypting) && !every_use ? kNo : kYes),
      attribute(CKA_DERIVE, agreeing || (every_use && (card::is_ec(request.algorithm) ||
                                                       request.algorithm == card::Algorithm::x25519))
                                ? kYes
                                : kNo),
  };
  if (symmetric) attributes.push_back(attribute(CKA_DECRYPT, decrypting || every_use ? kYes : kNo));
  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  CARDEA_TRY(const auto* keys, tenant_keys(request.tenant, sealed.kek_version));
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  const auto code =
      session_.module()->C_UnwrapKey(session_.handle(), &mechanism, keys->kek, octets(sealed.wrapped),
                                     sealed.wrapped.size(), attributes.data(), attributes.size(), &handle);
  if (code != CKR_OK) return refuse("C_UnwrapKey", code);
  Ephemeral key{session_, handle};
  return keeping ? keep(request, sealed, std::move(key)) : std::move(key);
}

}  // namespace cardea::signer

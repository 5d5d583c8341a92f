#include "cardea/signer/worker.h"

#include <algorithm>
#include <exception>

#include "checks.h"

namespace cardea::signer {

using vault::wire::Op;

tl::unexpected<Error> Worker::refuse(std::string_view function, CK_RV code) {
  lost_ = lost_ || session_lost(code);
  return tl::unexpected{pkcs11_error(function, code)};
}

vault::wire::Reply Worker::answer(const Request& request) {
  Reply reply;
  if (auto done = run(request)) {
    reply = *std::move(done);
  } else {
    reply.error = std::move(done).error();
  }
  reply.leaving = lost_;
  return reply;
}

Result<Worker::Reply> Worker::run(const Request& request) {
  switch (request.op) {
    case Op::status:
      return status();
    case Op::find_tenant:
      return find_tenant(request);
    case Op::generate:
      return generate(request);
    case Op::import_rsa:
      return import_rsa(request);
    case Op::import_ec:
      return import_ec(request);
    case Op::import_symmetric:
      return import_symmetric(request);
    case Op::rsa_private:
      return rsa_private(request);
    case Op::ecdsa_sign:
      return ecdsa_sign(request);
    case Op::ecdh:
      return ecdh(request);
    case Op::encrypt_block:
      return encrypt_block(request);
    case Op::decrypt_block:
      return decrypt_block(request);
    case Op::make_symmetric:
      return make_symmetric(request);
    case Op::derive_symmetric:
      return derive_symmetric(request);
    case Op::check_value:
      return check_value(request);
    case Op::tenant_secret:
      return tenant_secret(request);
    case Op::adopt:
      return adopt(request);
    case Op::rewrap:
      return rewrap(request);
    case Op::settle:
      return settle(request);
    case Op::destroy:
      return destroy(request);
    case Op::sign_manifest:
      return sign_manifest(request);
    case Op::eddsa_sign:
      return eddsa_sign(request);
    case Op::forget:
      return forget(request);
    case Op::attest:
      return attest(request);
    case Op::attestation_certificate:
      return attestation_certificate(request);
    case Op::hello:
    case Op::init_token:
    case Op::make_tenant:
    case Op::set_pin:
      break;
  }
  return fail(Errc::invalid, "this request may only be the first one");
}

Result<Worker::Reply> Worker::status() {
  CARDEA_TRY(const auto left, session_.find({attribute(CKA_TOKEN, kNo)}));
  CK_SESSION_INFO info{};
  if (const auto code = session_.module()->C_GetSessionInfo(session_.handle(), &info); code != CKR_OK) {
    return refuse("C_GetSessionInfo", code);
  }
  if (info.state != CKS_RO_USER_FUNCTIONS && info.state != CKS_RW_USER_FUNCTIONS) {
    return refuse("C_GetSessionInfo", CKR_USER_NOT_LOGGED_IN);
  }
  Reply reply;
  reply.session_objects = static_cast<std::uint32_t>(left.size() - std::min(left.size(), kept_.size()));
  return reply;
}

Result<Worker::Reply> Worker::find_tenant(const Request& request) {
  CARDEA_CHECK(tenant_keys(request.tenant, request.kek_version));
  return Reply{};
}

Result<Worker::Reply> Worker::tenant_secret(const Request& request) {
  const auto bad = [] { return fail(Errc::invalid, "a tenant's secret has a label and 1 to 512 octets"); };
  if (request.fields.size() != 2 || request.fields[1].size() != 2) return bad();
  Reply reply;
  CARDEA_TRY(reply.output,
             expand_tenant_secret(session_, request.tenant, request.fields[0].expose(),
                                  static_cast<std::size_t>(read_be(request.fields[1].expose()))));
  return reply;
}

Result<Worker::Reply> Worker::sign_manifest(const Request& request) {
  CARDEA_TRY(const auto* key, signing_key(request.tenant, SigningPurpose::manifest));
  Reply reply;
  reply.public_key = key->public_key;
  if (request.fields.empty()) return reply;
  CARDEA_TRY(const auto signature, sign_for_tenant(*key, request.fields.front().expose()));
  reply.output = SecretBytes{signature};
  return reply;
}

Result<const SigningKey*> Worker::signing_key(const std::string& tenant, SigningPurpose purpose) {
  const auto name = std::pair{tenant, purpose};
  if (const auto known = signing_keys_.find(name); known != signing_keys_.end()) return &known->second;
  CARDEA_TRY(auto found, find_signing_key(session_, tenant, purpose));
  return &signing_keys_.emplace(name, std::move(found)).first->second;
}

Result<Bytes> Worker::sign_for_tenant(const SigningKey& key, BytesView digest) {
  constexpr std::size_t kDigest = 32;
  if (digest.size() != kDigest) return fail(Errc::invalid, "a digest to sign has 32 octets");
  CARDEA_TRY(const auto signature, sign(key.private_key, CKM_ECDSA, digest, 2 * kDigest));
  if (!ecdsa_matches(card::Algorithm::p256, key.public_key, digest, signature.expose())) {
    return fail(Errc::corrupt, "the HSM's signature does not match the tenant's public key");
  }
  return to_bytes(signature.expose());
}

Result<const TenantKeys*> Worker::tenant_keys(const std::string& tenant, std::uint32_t version) {
  const auto key = std::pair{tenant, version};
  if (const auto known = tenants_.find(key); known != tenants_.end()) return &known->second;
  CARDEA_TRY(auto found, find_tenant_keys(session_, tenant, version));
  return &tenants_.emplace(key, std::move(found)).first->second;
}

Result<Ephemeral> Worker::create(std::vector<CK_ATTRIBUTE> attributes) {
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  const auto code =
      session_.module()->C_CreateObject(session_.handle(), attributes.data(), attributes.size(), &handle);
  if (code != CKR_OK) return refuse("C_CreateObject", code);
  return Ephemeral{session_, handle};
}

Result<SecretBytes> Worker::sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, BytesView data,
                                 std::size_t size) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  auto code = session_.module()->C_SignInit(session_.handle(), &mechanism, key);
  if (code != CKR_OK) return refuse("C_SignInit", code);
  SecretBytes out{size};
  CK_ULONG written = size;
  code =
      session_.module()->C_Sign(session_.handle(), octets(data), data.size(), out.expose().data(), &written);
  if (code != CKR_OK) return refuse("C_Sign", code);
  if (written != size) return fail(Errc::corrupt, "the HSM's result has the wrong length");
  return out;
}

}  // namespace cardea::signer

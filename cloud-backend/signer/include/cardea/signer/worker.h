#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "cardea/signer/module.h"
#include "cardea/signer/tenant_keys.h"
#include "cardea/vault/sealed_key.h"
#include "cardea/vault/worker_protocol.h"

namespace cardea::signer {

/// Answers the server's requests with one session of one token. No user key outlives the request that needed
/// it.
class Worker {
 public:
  explicit Worker(const Session& session) : session_{session} {}

  vault::wire::Reply answer(const vault::wire::Request& request);

 private:
  using Request = vault::wire::Request;
  using Reply = vault::wire::Reply;

  Result<Reply> run(const Request& request);
  Result<Reply> status();
  Result<Reply> find_tenant(const Request& request);
  Result<Reply> generate(const Request& request);
  Result<Reply> import_rsa(const Request& request);
  Result<Reply> import_ec(const Request& request);
  Result<Reply> import_symmetric(const Request& request);
  Result<Reply> rsa_private(const Request& request);
  Result<Reply> ecdsa_sign(const Request& request);
  Result<Reply> eddsa_sign(const Request& request);
  Result<Reply> ecdh(const Request& request);
  Result<Reply> encrypt_block(const Request& request);
  Result<Reply> tenant_secret(const Request& request);
  Result<Reply> adopt(const Request& request);
  Result<Reply> rewrap(const Request& request);
  Result<Reply> settle(const Request& request);
  Result<Reply> destroy(const Request& request);
  Result<Reply> sign_manifest(const Request& request);

  /// The tenant's keys, looked up once: they are token objects, which stay.
  Result<const TenantKeys*> tenant_keys(const std::string& tenant, std::uint32_t version);
  /// One of the tenant's signing keys, looked up once.
  Result<const SigningKey*> signing_key(const std::string& tenant, SigningPurpose purpose);
  /// ECDSA over a SHA-256 digest, checked before it is given away: r ‖ s.
  Result<Bytes> sign_for_tenant(const SigningKey& key, BytesView digest);
  /// Wraps a session object and binds it to where it stands.
  Result<Bytes> seal(const Request& request, const card::PublicKey& public_key, const Ephemeral& key);
  /// The handle, once every field fits the request and the tag is right. Errors: `corrupt`.
  Result<vault::SealedKey> authentic(const Request& request);
  /// The mode of the handles that this token's keys have.
  [[nodiscard]] std::uint8_t wrapped_mode() const;
  /// The handle as octets, with a tag of its own version's.
  Result<Bytes> tagged(const vault::SealedKey& handle);
  /// What the key may do once it is unwrapped: one operation, be copied into the token, or be wrapped anew.
  enum class Unwrapped : std::uint8_t { to_use, to_keep, to_rewrap };
  /// `authentic`, then unwraps; of a resident key finds the object. Errors: `corrupt`.
  Result<Ephemeral> unseal(const Request& request, Unwrapped purpose = Unwrapped::to_use);
  /// The token object of the request's card. Errors: `corrupt` when it is not there.
  Result<CK_OBJECT_HANDLE> resident(const Request& request, BytesView id);
  /// Seals a new asymmetric key, and has it used once from its wrapped form: a key that does not come back is
  /// not issued.
  Result<Reply> issue(const Request& request, card::PublicKey public_key, const Ephemeral& key);
  /// Uses a new key once, for a known answer or one that is checked.
  Result<void> try_out(Request trial);
  /// Creates an imported key as a session object.
  Result<Ephemeral> create(std::vector<CK_ATTRIBUTE> attributes);
  Result<SecretBytes> sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism, BytesView data,
                           std::size_t size);
  /// Remembers whether the HSM session is over.
  tl::unexpected<Error> refuse(std::string_view function, CK_RV code);

  const Session& session_;
  std::map<std::pair<std::string, std::uint32_t>, TenantKeys> tenants_;
  std::map<std::pair<std::string, SigningPurpose>, SigningKey> signing_keys_;
  bool lost_ = false;
};

}  // namespace cardea::signer

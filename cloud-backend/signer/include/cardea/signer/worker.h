#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "cardea/signer/module.h"
#include "cardea/signer/tenant_keys.h"
#include "cardea/vault/sealed_key.h"
#include "cardea/vault/worker_protocol.h"

namespace cardea::signer {

/// Answers the server's requests with one session of one token. No user key outlives the request that needed
/// it, except where the request says that it may be kept: then until the card is forgotten, the key was not
/// used for `kIdle`, a result was wrong, or kMaxKept others were used since.
class Worker {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMaxKept = 256;
  static constexpr std::chrono::minutes kIdle{15};

  explicit Worker(const Session& session) : session_{session} {}

  vault::wire::Reply answer(const vault::wire::Request& request);

  /// Destroys kept keys that were last used before `now - kIdle`.
  void expire(Clock::time_point now);
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }

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
  Result<Reply> decrypt_block(const Request& request);
  Result<Reply> make_symmetric(const Request& request);
  Result<Reply> derive_symmetric(const Request& request);
  Result<Reply> check_value(const Request& request);
  Result<Reply> tenant_secret(const Request& request);
  Result<Reply> adopt(const Request& request);
  Result<Reply> rewrap(const Request& request);
  Result<Reply> settle(const Request& request);
  Result<Reply> destroy(const Request& request);
  Result<Reply> sign_manifest(const Request& request);
  Result<Reply> forget(const Request& request);
  Result<Reply> attest(const Request& request);
  Result<Reply> attestation_certificate(const Request& request);

  /// The tenant's keys, looked up once: they are token objects, which stay.
  Result<const TenantKeys*> tenant_keys(const std::string& tenant, std::uint32_t version);
  /// One of the tenant's signing keys, looked up once.
  Result<const SigningKey*> signing_key(const std::string& tenant, SigningPurpose purpose);
  /// ECDSA over a SHA-256 digest, checked before it is given away: r ‖ s.
  Result<Bytes> sign_for_tenant(const SigningKey& key, BytesView digest);
  /// Wraps a session object and binds it to where it stands.
  Result<Bytes> seal(const Request& request, const card::PublicKey& public_key, const Ephemeral& key,
                     vault::KeyMaking origin);
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
  /// The kept key of a handle, as a borrowed object; none when it has to be unwrapped.
  std::optional<Ephemeral> kept(const Request& request, const vault::SealedKey& handle);
  /// Keeps an unwrapped key; the caller goes on with a borrowed object.
  Ephemeral keep(const Request& request, const vault::SealedKey& handle, Ephemeral key);
  /// The answer to a result that is not the key's. A kept key is destroyed.
  tl::unexpected<Error> wrong_result(const Request& request, const char* what);
  /// The token object of the request's card. Errors: `corrupt` when it is not there.
  Result<CK_OBJECT_HANDLE> resident(const Request& request, BytesView id);
  /// Seals a new asymmetric key, and has it used once from its wrapped form: a key that does not come back is
  /// not issued.
  Result<Reply> issue(const Request& request, card::PublicKey public_key, const Ephemeral& key,
                      vault::KeyMaking origin);
  /// Uses a new key once, for a known answer or one that is checked.
  Result<void> try_out(Request trial);
  Result<Reply> sealed_symmetric(const Request& request, const Ephemeral& key, vault::KeyMaking origin);
  /// Creates an imported key as a session object.
  Result<Ephemeral> create(std::vector<CK_ATTRIBUTE> attributes);
  /// A symmetric key as a session object that can be wrapped.
  Result<Ephemeral> create_symmetric(card::Algorithm algorithm, BytesView value);
  /// Whole blocks in ECB mode with a key that was unsealed for it.
  Result<SecretBytes> encrypt(const Ephemeral& key, card::Algorithm algorithm, BytesView blocks);
  /// `encrypt_block` for keys of all kinds: what leaves it here must not leave the worker for a master key.
  Result<Reply> encipher(const Request& request);
  Result<SecretBytes> sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism, BytesView data,
                           std::size_t size);
  /// Remembers whether the HSM session is over.
  tl::unexpected<Error> refuse(std::string_view function, CK_RV code);

  /// What an unwrapped key may do. It has no more than its operation needs: attributes are set when it is
  /// unwrapped, so keys of old have them too.
  enum class Permitted : std::uint8_t { usual, agreement, decryption };
  static Permitted permission(vault::wire::Op op);

  struct Kept {
    std::array<std::uint8_t, vault::SealedKey::kTagSize> handle{};  ///< its tag
    Permitted permitted = Permitted::usual;
    std::string tenant, card;
    Ephemeral key;
    Clock::time_point used;
  };

  const Session& session_;
  std::list<Kept> kept_;  // the latest used in front
  std::map<std::pair<std::string, std::uint32_t>, TenantKeys> tenants_;
  std::map<std::pair<std::string, SigningPurpose>, SigningKey> signing_keys_;
  bool lost_ = false;
};

}  // namespace cardea::signer

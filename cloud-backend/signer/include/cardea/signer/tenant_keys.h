#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cardea/card/ports/key_vault.h"
#include "cardea/secret.h"
#include "cardea/signer/module.h"

namespace cardea::signer {

/// A tenant's two keys in the HSM: one wraps, the other gives the key of the tags (vault/README.md).
struct TenantKeys {
  CK_OBJECT_HANDLE kek = CK_INVALID_HANDLE;
  Bytes kek_id;
  Secret<32> binding;  ///< HMAC-SHA-256(MAC key, "cardea binding 1"), made in the HSM, kept in locked memory
};

/// Versions stand side by side; a handle names its own. The tenant's secrets are made of the first one for
/// ever.
inline constexpr std::uint32_t kFirstVersion = 1;

std::string kek_label(const std::string& tenant, std::uint32_t version);
std::string mac_label(const std::string& tenant, std::uint32_t version);

/// Errors: `not_found` when the tenant has no key of this version.
Result<TenantKeys> find_tenant_keys(const Session& session, const std::string& tenant, std::uint32_t version);

/// Octets made of the tenant's MAC key inside the HSM, always the same ones for a label and a size:
/// HMAC-SHA-256(MAC key, "cardea secret 1" | label x8 | size 2 | n 1) for n = 1, 2, …, cut to `size`. Errors:
/// `not_found`, `invalid` (a label of 1 to 64 octets, a size of 1 to 512).
Result<SecretBytes> expand_tenant_secret(const Session& session, const std::string& tenant, BytesView label,
                                         std::size_t size);

/// A tenant's P-256 key pairs, token objects whose private halves never leave the HSM.
enum class SigningPurpose : std::uint8_t {
  manifest,    ///< manifests of cards, checkpoints of the log
  attestation  ///< certificates that say which keys were made here
};

struct SigningKey {
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  card::PublicKey public_key;
};

std::string signing_label(SigningPurpose purpose, const std::string& tenant);

/// Errors: `not_found` for a tenant whose keys were made before there were such pairs.
Result<SigningKey> find_signing_key(const Session& session, const std::string& tenant,
                                    SigningPurpose purpose);

/// The self-signed certificate (DER) of the tenant's key for attestation. Errors: `not_found` as above.
Result<Bytes> find_attestation_certificate(const Session& session, const std::string& tenant);

/// Makes the tenant's keys of this version, unless they are there. Needs both PINs: only the security officer
/// may set CKA_TRUSTED.
Result<void> make_tenant_keys(const Module& module, CK_SLOT_ID slot, const std::string& tenant,
                              std::uint32_t version, BytesView so_pin, BytesView user_pin);

/// Changes the user's or the security officer's PIN, and logs in with the new one. Also good when the new one
/// is set already. Errors: `denied` when neither is right.
Result<void> set_pin(const Module& module, CK_SLOT_ID slot, bool officer, BytesView old_pin,
                     BytesView new_pin);

/// Initialises a blank token and its user PIN.
Result<void> init_token(const Module& module, const std::string& label, BytesView so_pin, BytesView user_pin);

}  // namespace cardea::signer

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"
#include "cardea/secret.h"
#include "cardea/vault/diversification.h"

namespace cardea::vault {

struct Options {
  std::filesystem::path module;  ///< PKCS#11 module, or that of `init_software`
  std::string token_label = "cardea";
  SecretBytes
      user_pin;  ///< handed to the workers through an inherited descriptor, never by argv or environment
  std::string softhsm_config;    ///< SOFTHSM2_CONF of the workers; empty for other modules
  std::filesystem::path signer;  ///< the cardea-signer program; empty: `default_signer()`
  std::filesystem::path
      so_pin_file;     ///< for making tenants' keys; empty: so.pin beside softhsm_config, if there
  SecretBytes so_pin;  ///< the same where it is not in a file; goes before the file
  std::vector<std::string> environment;  ///< "NAME=value" that the module needs, besides SOFTHSM2_CONF
  bool session_keys = false;  ///< unwrapped keys live with the session: of all organisations, or …
  std::vector<std::string> session_organisations;  ///< … of these
  unsigned workers = 2;
  std::uint64_t recycle_after_operations = 500'000;
  std::uint64_t recycle_above_bytes = 256U << 20U;
  std::chrono::milliseconds timeout{10'000};  ///< for one operation; then the worker is killed and replaced
  std::chrono::milliseconds generation{60'000};  ///< the same for making a key: RSA takes as long as it takes
};

/// A key pair that was made ahead for one tenant and belongs to no card yet. Nothing in it is secret.
struct SpareKey {
  card::PublicKey public_key;  ///< with the algorithm
  Bytes sealed;
};

/// Which versions of a tenant's keys count. What is sealed is sealed under `current`; a handle of one below
/// `oldest` is refused.
struct KekVersions {
  std::uint32_t current = 1;
  std::uint32_t oldest = 1;
};

/// The id of a resident key in the HSM, chosen by the caller at random.
using ResidentId = std::array<std::uint8_t, 16>;

struct Stats {
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::uint64_t restarts = 0;  ///< workers that crashed or hung
  std::uint64_t recycled = 0;  ///< workers that were replaced on schedule
  unsigned alive = 0;
};

/// A signature of a tenant's manifest key, and the key that it verifies with.
struct TenantSignature {
  Bytes signature;      ///< ECDSA on P-256: r ‖ s, 32 octets each
  card::PublicKey key;  ///< P-256
};

/// Keys of all tenants in one HSM token, reached through a pool of isolated `cardea-signer` processes: the
/// only ones that load the PKCS#11 module. Thread-safe.
class Vault {
 public:
  /// Starts the workers and checks what the module can do. Errors: `not_found` (no such module or token),
  /// `denied` (wrong PIN), `unsupported` (the module lacks a mechanism, which is named), `unavailable`.
  static Result<std::unique_ptr<Vault>> open(Options options);
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;
  virtual ~Vault() = default;

  /// Makes the tenant's keys in the HSM, if they are not there; only then can its cards have keys. Errors:
  /// `not_found` when they are missing and the security officer's PIN is not known here (vault/README.md says
  /// what to do then).
  virtual Result<void> ensure_tenant(const std::string& organisation) = 0;

  /// `size` octets (1 to 512) that only this tenant's keys in the HSM can make, and always the same ones for
  /// a label (1 to 64 octets): seeds and keys that several of a tenant's servers must share, which nobody
  /// reads out of a database. The caller keeps them in locked memory. Errors: `not_found` before
  /// `ensure_tenant`, `invalid`, `unsupported`.
  virtual Result<SecretBytes> tenant_secret(const std::string& organisation, std::string_view label,
                                            std::size_t size);

  /// Signs a SHA-256 digest with the tenant's P-256 key for manifests and checkpoints: a token object whose
  /// private half never leaves the HSM, made with the tenant's other keys or, for a tenant of old, at the
  /// first use. The signature was verified before it is returned. Errors: `not_found` before `ensure_tenant`,
  /// `invalid` for a digest that has not 32 octets, `unsupported`.
  virtual Result<TenantSignature> sign_manifest(const std::string& organisation, BytesView digest);
  /// The public key of `sign_manifest`. It stays the same. Errors: as there.
  virtual Result<card::PublicKey> manifest_key(const std::string& organisation);

  /// The card-os port for one card; the vault outlives it.
  virtual std::unique_ptr<card::KeyVault> keys_of(const std::string& organisation,
                                                  const std::string& card) = 0;

  // Master keys, from which the GlobalPlatform keys of an organisation's cards are made. Neither they nor
  // what is made of them leave the signers in the clear, and a master key does nothing else: `denied` from
  // KeyVault::encrypt_block. `slot` tells an organisation's master keys apart. `rewrap` takes them as keys of
  // the card kMasterCard.
  /// Made in the HSM. `parts`: 2 or 3, of triple DES; means nothing for AES. Errors: `invalid`, those of
  /// KeyVault.
  virtual Result<card::KeyHandle> make_master(const std::string& organisation, card::KeySlot slot,
                                              card::Algorithm algorithm, unsigned parts);
  virtual Result<card::KeyHandle> import_master(const std::string& organisation, card::KeySlot slot,
                                                card::Algorithm algorithm, const SecretBytes& key);
  /// The key check value, kCheckValueSize octets; public by design.
  virtual Result<Bytes> check_value(const std::string& organisation, const card::KeyHandle& master);
  /// A key of `card`, sealed as KeyVault::import_symmetric would. Errors: `invalid` for masters that do not
  /// make keys of this kind (`makes`), `corrupt` for a master key of another organisation.
  virtual Result<card::KeyHandle> derive(const std::string& organisation, const std::string& card,
                                         card::KeySlot slot, card::Algorithm algorithm,
                                         const card::KeyHandle& master, const Derivation& how);

  // Keys made ahead. `make_spare` is for one thread that lives as long as the vault: the key is made by a
  // signer of its own, of the lowest priority. `rest`, from any thread, ends that, in the middle of a key
  // too. Errors of make_spare: `unavailable`, those of KeyVault::generate.
  virtual Result<SpareKey> make_spare(const std::string& organisation, card::Algorithm algorithm);
  virtual void rest() {}
  /// Binds a spare key to where it will stand. The caller sees to it that this happens once with each: the
  /// vault keeps no list. Errors: `corrupt` for a spare key of another tenant, or a damaged one.
  virtual Result<card::KeyHandle> adopt(const std::string& organisation, const std::string& card,
                                        card::KeySlot slot, const SpareKey& spare);

  // Versions of a tenant's keys. A vault that is not told works with version 1.
  /// Makes the keys of a further version in the HSM, if they are not there. Errors: those of ensure_tenant.
  virtual Result<void> make_version(const std::string& organisation, std::uint32_t version);
  virtual void use_versions(const std::string& organisation, KekVersions versions);
  /// The same key sealed under the current version; it has been used once from there. Errors: `corrupt`,
  /// `unavailable`.
  virtual Result<Bytes> rewrap(const std::string& organisation, const std::string& card,
                               const card::KeyHandle& key);

  // Resident keys: token objects of the HSM.
  /// Makes a token object of a wrapped key; the handle that is returned names it, the one that was given is
  /// to be forgotten. Errors: `exhausted` (the HSM is full), `corrupt`, `unavailable`.
  virtual Result<card::KeyHandle> settle(const std::string& organisation, const std::string& card,
                                         const card::KeyHandle& key, const ResidentId& id);
  /// Good also when there is no such object.
  virtual Result<void> destroy_resident(const std::string& organisation, const std::string& card,
                                        const ResidentId& id);

  /// The card is about to be deleted: what the HSM holds of it goes.
  virtual Result<void> forget_card(const std::string& organisation, const std::string& card);

  /// Changes a PIN of the token; good also when the new one is set already. Workers that run keep their
  /// sessions; those that start later use the new user PIN. Errors: `denied` when neither PIN is right.
  virtual Result<void> change_pin(bool officer, const SecretBytes& old_pin, const SecretBytes& new_pin);

  /// Whether the server waits for its shares and no key can be used.
  [[nodiscard]] virtual bool sealed() const { return false; }
  /// Whether somebody waits for a signer, or all are at work.
  [[nodiscard]] virtual bool busy() const { return false; }

  /// Whether at least one worker answers: for /readyz.
  virtual Result<void> check() = 0;
  [[nodiscard]] virtual Stats stats() const = 0;

 protected:
  Vault() = default;
};

/// What `init_softhsm` leaves behind: feed it to Options.
struct SoftHsm {
  std::filesystem::path module;
  std::string config_file;
  std::string token_label;
  SecretBytes user_pin;
};

/// The embedded default: a SoftHSM token inside `directory`, made at the first call (random PINs, files of
/// mode 0600), found again at the next. A first call that was interrupted is started afresh. Errors:
/// `not_found` when SoftHSM or the signer program is not installed, `corrupt` when the directory is damaged.
/// `owned`: its PINs are kept elsewhere (unseal), so that there are no files of them, and none are read; a
/// token that is not there is not made then.
Result<SoftHsm> init_softhsm(const std::filesystem::path& directory, const std::filesystem::path& signer = {},
                             bool owned = false);

/// What `init_software` leaves behind: feed it to Options, `root_key` as both PINs.
struct SoftwareToken {
  std::filesystem::path module;  ///< "software:" and the token's directory: built into the signer
  std::string token_label;
  SecretBytes root_key;  ///< 64 hexadecimal digits; empty when it is not in its file
};

/// A token without an HSM inside `directory`: keys are wrapped and used by OpenSSL in the same isolated
/// signers. Made at the first call, with `root.key` of mode 0600 that opens it. Errors: `not_found` when the
/// signer program is not installed, `corrupt` when the directory is damaged.
Result<SoftwareToken> init_software(const std::filesystem::path& directory,
                                    const std::filesystem::path& signer = {});

/// The cardea-signer beside the running program, else the installed one.
std::filesystem::path default_signer();

}  // namespace cardea::vault

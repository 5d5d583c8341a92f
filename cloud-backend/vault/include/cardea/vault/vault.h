#pragma once

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

namespace cardea::vault {

struct Options {
  std::filesystem::path module;  ///< PKCS#11 module, e.g. /usr/lib/softhsm/libsofthsm2.so
  std::string token_label = "cardea";
  SecretBytes
      user_pin;  ///< handed to the workers through an inherited descriptor, never by argv or environment
  std::string softhsm_config;    ///< SOFTHSM2_CONF of the workers; empty for other modules
  std::filesystem::path signer;  ///< the cardea-signer program; empty: `default_signer()`
  std::filesystem::path
      so_pin_file;  ///< for making tenants' keys; empty: so.pin beside softhsm_config, if there
  std::vector<std::string> environment;  ///< "NAME=value" that the module needs, besides SOFTHSM2_CONF
  unsigned workers = 2;
  std::uint64_t recycle_after_operations = 500'000;
  std::uint64_t recycle_above_bytes = 256U << 20U;
  std::chrono::milliseconds timeout{10'000};  ///< for one operation; then the worker is killed and replaced
  std::chrono::milliseconds generation{60'000};  ///< the same for making a key: RSA takes as long as it takes
};

struct Stats {
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::uint64_t restarts = 0;  ///< workers that crashed or hung
  std::uint64_t recycled = 0;  ///< workers that were replaced on schedule
  unsigned alive = 0;
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

  /// The card-os port for one card; the vault outlives it.
  virtual std::unique_ptr<card::KeyVault> keys_of(const std::string& organisation,
                                                  const std::string& card) = 0;

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
Result<SoftHsm> init_softhsm(const std::filesystem::path& directory,
                             const std::filesystem::path& signer = {});

/// The cardea-signer beside the running program, else the installed one.
std::filesystem::path default_signer();

}  // namespace cardea::vault

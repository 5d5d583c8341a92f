#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cardea/card/ports/clock.h"
#include "cardea/unseal/secrets_file.h"
#include "cardea/vault/vault.h"

namespace cardea::unseal {

/// What the keeper needs of the server that it opens.
struct Ports {
  /// Opens the vault with these PINs. Errors: `denied` for a wrong one; those of vault::Vault::open.
  std::function<Result<std::unique_ptr<vault::Vault>>(const SecretBytes& user, const SecretBytes& officer)>
      open;
  /// Takes the vault into use.
  std::function<Result<void>(std::unique_ptr<vault::Vault>)> accept;
  /// The vault in use; null before.
  std::function<vault::Vault*()> in_use;
  /// The PINs as they stand in files before the server has taken the token over.
  std::function<Result<Secrets>()> plain;
  /// The files that hold them.
  std::vector<std::filesystem::path> plain_files;
  /// Is told what to say to those who want to use a key meanwhile.
  std::function<void(std::string)> explain;
};

struct Status {
  bool sealed = true;
  bool owned = false;  ///< the PINs are in shares
  std::string key;     ///< its id, once it is
  unsigned threshold = 0;
  unsigned shares = 0;
  std::vector<unsigned> given;  ///< numbers of the shares that are there so far
  std::string sentence;
};

/// Keeps the HSM's PIN: in a file as it was found, or in M-of-N shares after taking the token over.
/// Thread-safe.
///
/// Laws:
///  1. At each moment of a take-over or a change of PINs, a file on the disk opens the token: the plain one,
///  or the one that the
///     shares open, which holds old and new PINs until the token has the new ones.
///  2. Plain files go only when the token has been opened with what the shares give.
///  3. Fewer shares than the threshold are forgotten after a while, or when told so.
class Keeper {
 public:
  static constexpr std::chrono::minutes kPatience{15};

  Keeper(std::filesystem::path file, Ports ports, card::Clock& clock);

  /// Opens the vault with the plain PINs, for Unseal::file. Errors: `conflict` when the PINs are in shares.
  Result<void> open_plain();
  /// Explains what is waited for, and takes a share that the machine keeps, when there is one.
  Result<void> wait(Result<std::optional<Share>> local);
  /// Whether the PINs are in shares.
  [[nodiscard]] Result<bool> owned() const;

  /// Takes one more share; the vault is opened when there are enough. Errors: `conflict` (not sealed, given
  /// already, no shares were made), `invalid` (of another key), `denied` (not genuine), those of the vault.
  Result<Status> give(const Share& share);
  /// Forgets what was given.
  Status abort();
  Status status();

  /// The token gets new random PINs, kept under `key` from now on; shares of an earlier key are void. The
  /// caller has put the shares, whose digests are given, where they will be found. Errors: `conflict` while
  /// sealed, those of the vault.
  Result<Status> take_over(UnsealKey key, unsigned threshold,
                           std::vector<std::array<std::uint8_t, 32>> shares);
  /// New random PINs under the same shares. Errors: `conflict` unless the PINs are in shares and the server
  /// is open.
  Result<Status> change_pins();
  /// Whether this is the key of the shares. Errors: `denied`, `conflict`.
  Result<void> verify(const UnsealKey& key) const;

 private:
  Result<void> open_with(const UnsealKey& key, SecretsFile file);
  Result<void> change(const UnsealKey& key, unsigned threshold,
                      std::vector<std::array<std::uint8_t, 32>> shares, const Secrets& from);
  Result<void> finish(const UnsealKey& key, const SecretsFile& file, Secrets secrets, vault::Vault& vault);
  Result<void> remove_plain() const;
  void forget_when_late();
  Status status_now();
  void explain();

  const std::filesystem::path file_;
  const Ports ports_;
  card::Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<Share> given_;
  std::chrono::sys_time<std::chrono::milliseconds> last_given_{};
  std::optional<UnsealKey> key_;  ///< while open, for the next change of PINs
};

}  // namespace cardea::unseal

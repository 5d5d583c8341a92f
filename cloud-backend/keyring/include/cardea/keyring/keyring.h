#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cardea/card/ports/clock.h"
#include "cardea/card/ports/rng.h"
#include "cardea/secret.h"
#include "cardea/store/database.h"
#include "cardea/vault/vault.h"

namespace cardea::keyring {

struct Options {
  /// How many spare keys of each algorithm are kept ready for each organisation; nothing is made ahead of
  /// those that are not named.
  std::map<card::Algorithm, std::size_t> pool;
  /// While keys are being taken, and half of them are left, none are made: whoever writes a card has the
  /// machine to himself. So long after the latest the pool is filled up.
  std::chrono::milliseconds settle{2000};
  store::ResidentCaps resident{1000, 250};  ///< token objects
  SecretBytes pool_key;  ///< 32 octets; spare keys in the database are worth nothing without it
  /// Is told what went well or wrong in the background.
  std::function<void(bool good, std::string_view event, std::string_view detail)> report;
};

struct PoolStatus {
  std::string organisation;
  card::Algorithm algorithm = card::Algorithm::rsa2048;
  std::size_t ready = 0;
  std::size_t wanted = 0;
};

struct PoolStats {
  std::uint64_t made = 0;
  std::uint64_t used = 0;
  std::uint64_t missed = 0;     ///< a key had to be made while somebody waited, although a pool is wanted
  std::uint64_t discarded = 0;  ///< of an earlier pool key, or damaged
};

/// An organisation's token objects.
struct ResidentStatus {
  std::string organisation;
  std::size_t keys = 0;
  std::size_t cap = 0;
  bool own_cap = false;  ///< not the one that the configuration gives each
};

/// Where the wrapping of an organisation's keys stands.
struct RotationStatus {
  std::string organisation;
  std::uint32_t current = 1;
  std::uint32_t oldest = 1;
  bool running = false;
  std::uint64_t rewrapped = 0;  ///< keys that the current version has taken over so far
  std::uint64_t left = 0;       ///< keys that name an earlier one
  std::uint64_t waiting = 0;    ///< those of `left` that only their holder's next login can open
};

/// The vault as the server uses it: closed until the HSM's PIN is known, with keys made ahead, versions of
/// the organisations' keys, and resident keys, whose lists stand in the database. Thread-safe.
///
/// Laws:
///  1. A key made ahead is given to one card, whatever is killed when: it leaves the list before it is bound.
///  2. A resident key is on a list before it is in the HSM and until it is out of it, so that none is
///     forgotten. None is destroyed because the list or its card says so, unless the log of changes says that
///     they are the server's.
///  3. A key is replaced by its newly wrapped form only when that has been used, and only if it is still the
///     card's.
class Keyring final : public vault::Vault {
 public:
  /// What is referred to outlives the keyring.
  Keyring(store::Database& database, card::Clock& clock, card::Rng& rng, Options options);
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;
  ~Keyring() override;

  /// From now on keys can be used. Errors: those of the database; then it stays closed.
  Result<void> open(std::unique_ptr<vault::Vault> vault);
  /// Destroys resident keys that were there when it was opened and that no card has: what an interruption
  /// left. Those whose rows somebody else changed stay, and all of them where any row was changed while the
  /// server was down. To be called when the log of changes is known to be
  /// the server's; what is done is not done again. Errors: `unavailable` while the keyring is closed, or the
  /// database not protected; those of database and vault: what is left then is left to the next call.
  Result<void> destroy_orphans();
  /// What to tell those who want to use it while it is closed.
  void explain(std::string reason);

  /// Makes the next version of an organisation's keys and wraps all its cards' keys anew in the background.
  /// Errors: `conflict` while that is under way.
  Result<void> rotate(const std::string& organisation);
  /// The earlier versions are refused from now on. Errors: `conflict` while a key names one of them.
  Result<void> retire(const std::string& organisation);
  Result<RotationStatus> rotation(const std::string& organisation);

  Result<std::vector<PoolStatus>> pool();
  [[nodiscard]] PoolStats pool_stats() const;
  /// Of every organisation, in the order of their names.
  Result<std::vector<ResidentStatus>> resident();
  /// Of one. Errors: `not_found`.
  Result<ResidentStatus> resident(const std::string& organisation);
  /// Of all organisations together.
  [[nodiscard]] std::size_t resident_cap() const { return options_.resident.all; }

  // vault::Vault. A function that the vault gains has to be passed on here.
  Result<void> ensure_tenant(const std::string& organisation) override;
  Result<SecretBytes> tenant_secret(const std::string& organisation, std::string_view label,
                                    std::size_t size) override;
  Result<vault::TenantSignature> sign_manifest(const std::string& organisation, BytesView digest) override;
  Result<card::PublicKey> manifest_key(const std::string& organisation) override;
  Result<card::KeyHandle> make_master(const std::string& organisation, card::KeySlot slot,
                                      card::Algorithm algorithm, unsigned parts) override;
  Result<card::KeyHandle> import_master(const std::string& organisation, card::KeySlot slot,
                                        card::Algorithm algorithm, const SecretBytes& key) override;
  Result<Bytes> check_value(const std::string& organisation, const card::KeyHandle& master) override;
  Result<card::KeyHandle> derive(const std::string& organisation, const std::string& card, card::KeySlot slot,
                                 card::Algorithm algorithm, const card::KeyHandle& master,
                                 const vault::Derivation& how) override;
  std::unique_ptr<card::KeyVault> keys_of(const std::string& organisation, const std::string& card) override;
  Result<Bytes> rewrap(const std::string& organisation, const std::string& card,
                       const card::KeyHandle& key) override;
  Result<void> forget_card(const std::string& organisation, const std::string& card) override;
  Result<void> change_pin(bool officer, const SecretBytes& old_pin, const SecretBytes& new_pin) override;
  [[nodiscard]] bool sealed() const override { return open_vault_ == nullptr; }
  [[nodiscard]] bool busy() const override;
  Result<void> check() override;
  [[nodiscard]] vault::Stats stats() const override;

 private:
  class CardKeys;
  struct Tally;

  Result<vault::Vault*> vault() const;
  void report(bool good, std::string_view event, std::string_view detail) const;
  [[nodiscard]] store::Time now() const { return clock_.now(); }

  /// A spare key for this place; nothing when there is none.
  Result<std::optional<card::KeyHandle>> take_spare(const std::string& organisation, const std::string& card,
                                                    card::KeySlot slot, card::Algorithm algorithm);
  [[nodiscard]] ResidentStatus status_of(const store::ResidentUse& use) const;
  void warn_of_cap(const store::ResidentUse& use) const;
  Result<card::KeyHandle> place(const std::string& organisation, const std::string& card,
                                card::KeyHandle key);
  Result<void> discard(const std::string& organisation, const std::string& card, card::KeySlot slot);
  Result<void> destroy_orphan(vault::Vault& vault, const vault::ResidentId& id);

  // The thread in the background.
  void work(const std::stop_token& stop);
  /// Each is true when there may be more to do at once.
  Result<bool> fill(const std::stop_token& stop);
  Result<bool> wrap_some_of(const std::stop_token& stop);
  Result<bool> wrap_cards(const store::KekVersionRow& version, vault::Vault& vault);
  Result<void> wrap_masters(const store::KekVersionRow& version, vault::Vault& vault);
  Result<Tally> count(const std::string& organisation, std::uint32_t below);
  void wait_for_quiet(const std::stop_token& stop) const;
  /// Whether some were taken a moment ago, and enough are left.
  [[nodiscard]] bool can_wait(const PoolStatus& kind) const;

  store::Database& database_;
  store::KeyLedger& ledger_;
  card::Clock& clock_;
  card::Rng& rng_;
  const Options options_;

  std::unique_ptr<vault::Vault> owned_;
  std::atomic<vault::Vault*> open_vault_{nullptr};
  mutable std::mutex mutex_;
  std::string reason_;
  std::vector<vault::ResidentId> left_over_;  ///< on the list when it was opened, not looked at yet
  std::mutex rotating_;
  bool work_waits_ = false;
  bool worked_ = false;  ///< the thread in the background has ended
  std::chrono::steady_clock::time_point taken_at_{};
  bool held_back_ = false;  ///< there is something to make, but not yet; of the thread in the background
  mutable std::condition_variable_any wake_;
  std::map<std::string, unsigned> passes_;  // of the thread in the background
  std::atomic<std::uint64_t> made_{0}, used_{0}, missed_{0}, discarded_{0};
  std::jthread worker_;
};

}  // namespace cardea::keyring

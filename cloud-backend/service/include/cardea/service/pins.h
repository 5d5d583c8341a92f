#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cardea/api/channel.h"
#include "cardea/api/hpke.h"
#include "cardea/api/opaque.h"
#include "cardea/card/ports/clock.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/card/ports/rng.h"
#include "cardea/store/pin_records.h"
#include "cardea/vault/vault.h"

namespace cardea::service {

/// How PINs are taken.
struct PinOptions {
  /// A PIN in plain text inside a command from the network. Off: it is refused, and no try is spent.
  bool allow_plain = false;
  api::opaque::Ksf ksf{};     ///< how clients stretch new values
  bool bind_channel = false;  ///< logins are good over their own TLS connection only
  bool must_change = false;  ///< keys wait until the holder has set a PIN, see card::PinVault::change_awaited
  std::vector<std::string> must_change_organisations{};  ///< ids of organisations whose keys do
  [[nodiscard]] bool changes_awaited(std::string_view organisation) const;
};

/// A tenant's side of all its PIN logins, in locked memory.
using PinKeys = std::shared_ptr<const api::opaque::ServerKeys>;

/// Errors: `exhausted` without memory to lock.
Result<PinKeys> make_pin_keys(const Secret<64>& oprf_seed, const Secret<32>& ake_seed);

/// Under which the value of one PIN is registered. Each registration has a nonce of its own: a registration
/// response is an evaluation of the tenant's function, and under the nonce of a stored record it would answer
/// guesses at no try each.
Bytes pin_identifier(std::string_view organisation, std::string_view card, card::PinRef ref, BytesView nonce);

/// Under which the database keeps what would prove a login (KE3, 64 octets): SHA-256 of "cardea/1 late
/// proof", the device's thumbprint with its length in two octets, and the proof. From the proof itself
/// whoever reads the database could give tries back, those of wrong guesses too: the server does not know
/// which were right. Shown by another device it is nothing.
store::ProofDigest late_proof_digest(std::string_view device_thumbprint, BytesView ke3);

/// The keys of each tenant, made of the tenant's secret in the HSM when they are first needed. Thread-safe.
class PinKeyring {
 public:
  explicit PinKeyring(vault::Vault& vault) : vault_{vault} {}
  Result<PinKeys> of(const std::string& organisation);

 private:
  vault::Vault& vault_;
  std::mutex mutex_;
  std::unordered_map<std::string, PinKeys> keys_;
};

/// A secret for a card, with the copies that there are from the beginning. Nothing of it is stored.
struct FreshSecret {
  api::hpke::KeyPair pair;
  std::vector<store::SecretCopy> copies;
};

/// The copies of a card's secret that its PIN and its PUK open: they change with the values.
class PinCopies {
 public:
  PinCopies() = default;
  PinCopies(const PinCopies&) = delete;
  PinCopies& operator=(const PinCopies&) = delete;
  virtual ~PinCopies() = default;

  /// Whose copies they are; empty: the card has no secret, and its PINs no copies.
  virtual Result<Bytes> public_key() = 0;
  /// For the client that has just shown a value and will open it with the export key.
  virtual Result<Bytes> for_login(card::PinRef ref) = 0;
  /// One that a client has made for a new value. Errors: `invalid` when it is of another secret.
  virtual Result<store::SecretCopy> accept(card::PinRef ref, Bytes copy) = 0;
  /// One for a value that the server itself has seen. `denied` when it cannot open the card's secret.
  virtual Result<store::SecretCopy> seal(card::PinRef ref, BytesView export_key) = 0;
  /// The value was right: what its copy holds is lent to the session.
  virtual Result<void> hold(card::PinRef ref, BytesView export_key) = 0;
  /// Both values go back to the factory's, and nobody can open the secret any more: what takes its place,
  /// without keys, in the transaction that stores the values.
  virtual Result<FreshSecret> fresh() = 0;
  virtual Result<store::SecretCopy> seal_fresh(card::PinRef ref, BytesView export_key,
                                               const FreshSecret& fresh) = 0;
};

/// card::PinVault by OPAQUE, for one session of one card: logins are opened and proven here, the database
/// counts. Where a PIN is shown in plain text and may be, the server plays the client.
class Pins final : public card::PinVault {
 public:
  struct World {
    std::function<Result<PinKeys>()> keys;
    card::Clock& clock;
    card::Rng& rng;
    PinCopies* copies = nullptr;  ///< none: the card has no secret
    bool of_holder = false;  ///< the session is the holder's own device's: who sets a PIN in it is the holder
    /// Whether the card has left its issuing; none: nobody awaits another PIN.
    std::function<Result<bool>()> issued = nullptr;
  };

  Pins(std::unique_ptr<store::PinRecords> records, World world, std::string organisation, std::string card,
       PinOptions options);

  // card::PinVault
  Result<card::PinStatus> status(card::PinRef ref) override { return records_->status(ref); }
  Result<card::PinVerdict> verify(card::PinRef ref, const card::PinEvidence& evidence) override;
  Result<void> replace(std::span<const card::PinUpdate> updates) override;
  Result<bool> change_awaited() override;

  /// What logins of this session are bound to, besides tenant, card and PIN.
  struct Binding {
    std::string device_thumbprint;
    Bytes access_token_hash;
    Bytes tls_exporter;
  };
  void bind(Binding binding) { binding_ = std::move(binding); }
  /// The connection that the next opening comes over, where the options want logins bound to it.
  void bind_channel(BytesView tls_exporter) {
    if (options_.bind_channel) binding_.tls_exporter = to_bytes(tls_exporter);
  }

  /// What the opening that has just run is to be answered with; nothing when the card did not ask for a PIN.
  std::optional<api::PinChallenge> take_challenge() { return std::exchange(challenge_, std::nullopt); }

  /// What a proven login is good for.
  struct Proven {
    const Secret<64>& session_key;
    std::uint64_t generation;
  };
  /// The login that was opened last; it can be proven once, within 30 seconds. Errors: `denied`.
  Result<Proven> prove(BytesView ke3);
  [[nodiscard]] bool proven() const { return login_ && login_->proven; }
  /// What would have proven a login that was opened earlier, in this session or another one of the same
  /// device: the database gives its try back (store::PinRecords::refund). Opens nothing. No match: nothing
  /// waits for it. Errors: `exhausted` after eight in this session.
  Result<card::PinVerdict> prove_late(card::PinRef ref, BytesView ke3);

  /// Once the commands have run that came with the proof.
  void end_proven_login() {
    if (proven()) login_.reset();
  }

 private:
  static constexpr std::chrono::seconds kLoginLife{30};
  static constexpr unsigned kMostLateProofs = 8;

  struct Login {
    card::PinRef ref;
    card::PinRef new_ref;
    store::PinAttempt attempt;
    api::opaque::ServerLogin server;
    Bytes new_nonce;  ///< under which the new value is registered
    store::Time opened;
    bool new_factory_value = false;  ///< says the client
    bool proven = false;
  };

  Result<card::PinVerdict> open(card::PinRef ref, const card::PinOpening& opening);
  Result<card::PinVerdict> open_at(card::PinRef ref, const card::PinOpening& opening, const PinKeys& keys,
                                   const store::PinExpectation& expected);
  Result<card::PinVerdict> check_proof(card::PinRef ref);
  Result<card::PinVerdict> compare(card::PinRef ref, const SecretBytes& value);
  Result<void> still_replaces(const card::PinUpdate& update);
  [[nodiscard]] bool of_others(const card::PinUpdate& update) const;
  Result<bool> to_be_changed(card::PinRef ref);
  Result<store::PinRecordUpdate> registered(const card::PinUpdate& update,
                                            const card::PinRegistration& registration);
  Result<store::PinRecordUpdate> register_plain(const card::PinUpdate& update, const SecretBytes& value,
                                                std::optional<FreshSecret>& fresh);
  Result<store::SecretCopy> seal_plain(const card::PinUpdate& update, BytesView export_key,
                                       std::optional<FreshSecret>& fresh);
  /// `fresh`: the secret that the card is to have from now on, where it needs another one.
  Result<void> replace(std::span<const card::PinUpdate> updates, std::optional<FreshSecret>& fresh);
  [[nodiscard]] Bytes identifier(card::PinRef ref, BytesView nonce) const;
  [[nodiscard]] Bytes context(card::PinRef ref) const;
  Bytes new_nonce();

  std::unique_ptr<store::PinRecords> records_;
  World world_;
  std::string organisation_;
  std::string card_;
  PinOptions options_;
  Binding binding_;
  std::optional<Login> login_;
  std::optional<api::PinChallenge> challenge_;
  unsigned late_proofs_ = 0;
};

}  // namespace cardea::service

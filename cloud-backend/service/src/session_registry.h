#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cardea/api/record.h"
#include "cardea/card/card.h"
#include "cardea/service/card_audit.h"
#include "cardea/service/card_secrets.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/pins.h"
#include "first_write.h"
#include "guarded_keys.h"
#include "taking_into_use.h"

namespace cardea::service {

/// One session: volatile state of a card and the ports it stands on.
struct CardSessions::Session {
  Session(const World& world, CardSecrets& secrets, PinKeyring& keyring, const PinOptions& options,
          const Caller& caller, const store::CardRow& row, const card::Profile& profile)
      : card_id{row.id},
        device{caller.device},
        organisation{row.organisation},
        first_write{world, row, caller.device},
        store{watched_store(world, row, first_write)},
        secret{world, secrets, row.organisation, row.id},
        copies{world, secrets, secret, row.organisation, row.id},
        pins{world.database.pin_records(row.id),
             {[&keyring, tenant = row.organisation] { return keyring.of(tenant); }, world.clock, world.rng,
              row.public_key.empty() ? nullptr : &copies, is_holders_device(row, caller),
              options.changes_awaited(row.organisation) ? issued(world, row.id) : nullptr},
             row.organisation,
             row.id,
             options},
        keys{guarded_keys(world, caller, row, secret)},
        audit{world, {row.organisation, row.id, "device:" + caller.device}},
        watched_pins{pins, first_write},
        card{profile,
             {*store, *keys, watched_pins, world.crypto, world.cipher, world.clock, world.rng, audit}} {}

  /// A card management system signs its requests with the PIN that it has just set. Asked when it matters:
  /// the issuing may end while the session stands.
  static std::function<Result<bool>()> issued(const World& world, const std::string& card) {
    return [&database = world.database, card]() -> Result<bool> {
      CARDEA_TRY(const auto now, database.card(card));
      return now.issuance == store::Issuance::none || now.issuance == store::Issuance::issued;
    };
  }

  /// Cards from before there was a passcode layer have no secret; their keys stay as they are.
  static std::unique_ptr<card::KeyVault> keys_behind_passcode(const World& world, const store::CardRow& row,
                                                              HeldSecret& secret) {
    auto keys = world.vault.keys_of(row.organisation, row.id);
    if (row.public_key.empty()) return keys;
    return vault::make_passcode_vault(std::move(keys), row.organisation, row.id, secret);
  }

  static std::unique_ptr<card::KeyVault> guarded_keys(const World& world, const Caller& caller,
                                                      const store::CardRow& row, HeldSecret& secret) {
    return std::make_unique<GuardedKeys>(keys_behind_passcode(world, row, secret), world.database.changes(),
                                         row.id, caller.device);
  }

  static std::unique_ptr<card::Store> watched_store(const World& world, const store::CardRow& row,
                                                    FirstWrite& first) {
    auto store = world.database.card_store(row.id);
    if (row.issuance != store::Issuance::blank) return store;
    return std::make_unique<WatchedStore>(std::move(store), first);
  }

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { wipe(last_reply); }

  std::string id;
  card::Digest token_hash{};
  std::array<std::uint8_t, 16> salt{};  ///< for the names of states with security status
  const std::string card_id;
  const std::string device;
  const std::string organisation;
  store::Time opened;
  std::atomic<store::Time::rep> last_used{0};  ///< milliseconds since the epoch
  std::atomic<std::uint64_t> sequence{0};      ///< of the last exchange that was run; written under the mutex
  std::atomic<bool> ended{false};

  std::mutex mutex;  ///< the strand: card and last reply
  FirstWrite first_write;
  std::unique_ptr<card::Store> store;
  HeldSecret secret;  ///< a proven login calls `hold`; every step after which nobody is verified drops it
  CardCopies copies;
  Pins pins;
  std::unique_ptr<card::KeyVault> keys;
  CardAudit audit;
  WatchedPins watched_pins;
  card::Card card;
  Bytes last_reply;
  card::Digest last_body{};  ///< of what `last_reply` answered

  // After a PIN login: exchanges travel as records.
  std::optional<api::record::Opener> opener;
  std::optional<api::record::Sealer> sealer;
};

/// Sessions by id, by card and by device: each question is answered without a walk over all of them.
class CardSessions::Registry {
 public:
  using Pointer = std::shared_ptr<Session>;

  /// Errors: `exhausted`.
  Result<void> add(const Pointer& session, const SessionLimits& limits) {
    const std::unique_lock lock{mutex_};
    if (by_id_.size() >= limits.all)
      return fail(Errc::exhausted, "the server has no room for another card session");
    auto& of_device = by_device_[session->device];
    if (of_device.size() >= limits.per_device) {
      return fail(Errc::exhausted, "the device has as many card sessions as it may");
    }
    of_device.insert(session);
    by_card_[session->card_id].insert(session);
    by_id_.emplace(session->id, session);
    return {};
  }

  /// Which session of a device at its limit gives way to another one: that which was not used for longest,
  /// one in which nobody has logged in before any other. Not one that is running a command. Nothing below the
  /// limit.
  Pointer to_give_way(const std::string& device, std::size_t limit) const {
    const std::shared_lock lock{mutex_};
    const auto at = by_device_.find(device);
    if (at == by_device_.end() || at->second.size() < limit) return nullptr;
    Pointer found;
    std::pair<bool, store::Time::rep> best;
    for (const auto& session : at->second) {
      const std::unique_lock idle{session->mutex, std::try_to_lock};
      if (!idle) continue;
      const std::pair order{session->card.holder_verified(), session->last_used.load()};
      if (found && order >= best) continue;
      found = session;
      best = order;
    }
    return found;
  }

  Pointer find(std::string_view id) const {
    const std::shared_lock lock{mutex_};
    const auto at = by_id_.find(std::string{id});
    return at == by_id_.end() ? nullptr : at->second;
  }

  /// False when it was not there any more.
  bool remove(const Pointer& session) {
    const std::unique_lock lock{mutex_};
    if (by_id_.erase(session->id) == 0) return false;
    take_out(by_card_, session->card_id, session);
    take_out(by_device_, session->device, session);
    return true;
  }

  std::vector<Pointer> of_card(const std::string& card) const { return in(by_card_, card); }
  std::vector<Pointer> of_device(const std::string& device) const { return in(by_device_, device); }

  std::vector<Pointer> all() const {
    const std::shared_lock lock{mutex_};
    std::vector<Pointer> out;
    out.reserve(by_id_.size());
    for (const auto& [id, session] : by_id_)
      out.push_back(session);
    return out;
  }

  std::size_t size() const {
    const std::shared_lock lock{mutex_};
    return by_id_.size();
  }

 private:
  using Index = std::unordered_map<std::string, std::unordered_set<Pointer>>;

  static void take_out(Index& index, const std::string& key, const Pointer& session) {
    const auto at = index.find(key);
    at->second.erase(session);
    if (at->second.empty()) index.erase(at);
  }

  std::vector<Pointer> in(const Index& index, const std::string& key) const {
    const std::shared_lock lock{mutex_};
    const auto at = index.find(key);
    return at == index.end() ? std::vector<Pointer>{}
                             : std::vector<Pointer>(at->second.begin(), at->second.end());
  }

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Pointer> by_id_;
  Index by_card_;
  Index by_device_;
};

}  // namespace cardea::service

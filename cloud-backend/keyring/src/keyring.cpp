#include "cardea/keyring/keyring.h"

#include <algorithm>
#include <utility>

#include "card_keys.h"
#include "cardea/card/stored_key.h"
#include "spare_box.h"

namespace cardea::keyring {

namespace {

constexpr std::chrono::milliseconds kInsist{20};

}  // namespace

Keyring::Keyring(store::Database& database, card::Clock& clock, card::Rng& rng, Options options)
    : database_{database},
      ledger_{database.key_ledger()},
      clock_{clock},
      rng_{rng},
      options_{std::move(options)},
      reason_{"the server is sealed"} {
  worker_ = std::jthread{[this](const std::stop_token& stop) {
    work(stop);
    {
      const std::lock_guard lock{mutex_};
      worked_ = true;
    }
    wake_.notify_all();
  }};
}

/// A large RSA key in the making would hold up the end of the server. Said until the thread has ended: where
/// the signer for it was just about to be started, there was nothing to end yet.
Keyring::~Keyring() {
  worker_.request_stop();
  std::unique_lock lock{mutex_};
  while (!worked_) {
    lock.unlock();
    if (auto* vault = open_vault_.load()) vault->rest();
    lock.lock();
    wake_.wait_for(lock, kInsist, [this] { return worked_; });
  }
  lock.unlock();
  worker_.join();
}

Result<void> Keyring::open(std::unique_ptr<vault::Vault> vault) {
  CARDEA_TRY(const auto rows, ledger_.kek_versions());
  std::map<std::string, vault::KekVersions> versions;
  for (const auto& row : rows) {
    auto& of = versions[row.organisation];
    of.current = std::max(of.current, row.version);
    if (row.retired_at) of.oldest = std::max(of.oldest, row.version);
  }
  for (const auto& [organisation, of] : versions)
    vault->use_versions(organisation, of);
  // Before anybody can make another one, whose card does not have it yet.
  CARDEA_TRY(const auto resident, ledger_.resident_keys());
  {
    const std::lock_guard lock{mutex_};
    for (const auto& row : resident)
      left_over_.push_back(row.id);
    owned_ = std::move(vault);
    open_vault_ = owned_.get();
    work_waits_ = true;
  }
  wake_.notify_all();
  return {};
}

void Keyring::explain(std::string reason) {
  const std::lock_guard lock{mutex_};
  reason_ = std::move(reason);
}

Result<vault::Vault*> Keyring::vault() const {
  if (auto* open = open_vault_.load()) return open;
  const std::lock_guard lock{mutex_};
  return fail(Errc::unavailable, reason_);
}

void Keyring::report(bool good, std::string_view event, std::string_view detail) const {
  if (options_.report) options_.report(good, event, detail);
}

// -- what passes through ------------------------------------------------------------------------------------

Result<void> Keyring::ensure_tenant(const std::string& organisation) {
  CARDEA_TRY(auto* vault, this->vault());
  CARDEA_CHECK(vault->ensure_tenant(organisation));
  {
    const std::lock_guard lock{mutex_};
    work_waits_ = true;
  }
  wake_.notify_all();
  return {};
}

Result<SecretBytes> Keyring::tenant_secret(const std::string& organisation, std::string_view label,
                                           std::size_t size) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->tenant_secret(organisation, label, size);
}

Result<vault::TenantSignature> Keyring::sign_manifest(const std::string& organisation, BytesView digest) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->sign_manifest(organisation, digest);
}

Result<card::PublicKey> Keyring::manifest_key(const std::string& organisation) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->manifest_key(organisation);
}

Result<card::KeyHandle> Keyring::make_master(const std::string& organisation, card::KeySlot slot,
                                             card::Algorithm algorithm, unsigned parts) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->make_master(organisation, slot, algorithm, parts);
}

Result<card::KeyHandle> Keyring::import_master(const std::string& organisation, card::KeySlot slot,
                                               card::Algorithm algorithm, const SecretBytes& key) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->import_master(organisation, slot, algorithm, key);
}

Result<Bytes> Keyring::check_value(const std::string& organisation, const card::KeyHandle& master) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->check_value(organisation, master);
}

Result<card::KeyHandle> Keyring::derive(const std::string& organisation, const std::string& card,
                                        card::KeySlot slot, card::Algorithm algorithm,
                                        const card::KeyHandle& master, const vault::Derivation& how) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->derive(organisation, card, slot, algorithm, master, how);
}

std::unique_ptr<card::KeyVault> Keyring::keys_of(const std::string& organisation, const std::string& card) {
  return std::make_unique<CardKeys>(*this, organisation, card);
}

Result<Bytes> Keyring::rewrap(const std::string& organisation, const std::string& card,
                              const card::KeyHandle& key) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->rewrap(organisation, card, key);
}

Result<void> Keyring::change_pin(bool officer, const SecretBytes& old_pin, const SecretBytes& new_pin) {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->change_pin(officer, old_pin, new_pin);
}

bool Keyring::busy() const {
  const auto* open = open_vault_.load();
  return open != nullptr && open->busy();
}

Result<void> Keyring::check() {
  CARDEA_TRY(auto* vault, this->vault());
  return vault->check();
}

vault::Stats Keyring::stats() const {
  const auto* open = open_vault_.load();
  return open != nullptr ? open->stats() : vault::Stats{};
}

// -- resident keys ------------------------------------------------------------------------------------------

ResidentStatus Keyring::status_of(const store::ResidentUse& use) const {
  return {use.organisation, use.keys, use.cap.value_or(options_.resident.organisation), use.cap.has_value()};
}

Result<std::vector<ResidentStatus>> Keyring::resident() {
  CARDEA_TRY(const auto uses, ledger_.resident_use());
  std::vector<ResidentStatus> out;
  for (const auto& use : uses)
    out.push_back(status_of(use));
  return out;
}

Result<ResidentStatus> Keyring::resident(const std::string& organisation) {
  CARDEA_TRY(const auto use, ledger_.resident_use(organisation));
  return status_of(use);
}

/// With the key that leaves a tenth.
void Keyring::warn_of_cap(const store::ResidentUse& use) const {
  const auto status = status_of(use);
  const auto from = status.cap - status.cap / 10;
  if (status.keys != from) return;
  report(false, "hsm.filling",
         "organisation " + use.organisation + " has " + std::to_string(status.keys) +
             " resident keys in the HSM and may have " + std::to_string(status.cap));
}

Result<card::KeyHandle> Keyring::place(const std::string& organisation, const std::string& card,
                                       card::KeyHandle key) {
  CARDEA_TRY(const auto mode, ledger_.key_mode(organisation));
  if (mode == store::KeyMode::wrapped) return key;
  CARDEA_TRY(auto* vault, this->vault());
  store::ResidentKeyRow row;
  rng_.fill(row.id);
  row.organisation = organisation;
  row.card = card;
  row.slot = key.slot;
  row.made_at = now();
  auto reserved = ledger_.reserve(row, options_.resident);
  if (!reserved) {
    if (reserved.error().code == Errc::exhausted)
      report(false, "hsm.full", "organisation " + organisation + ": " + reserved.error().what);
    return tl::unexpected{std::move(reserved).error()};
  }
  warn_of_cap(*reserved);
  auto settled = vault->settle(organisation, card, key, row.id);
  // Where the object's fate is not known, its row stays and the next start looks for it.
  if (!settled && vault->destroy_resident(organisation, card, row.id)) (void)ledger_.release(row.id);
  return settled;
}

Result<void> Keyring::discard(const std::string& organisation, const std::string& card, card::KeySlot slot) {
  const auto made_for = [&](const store::ResidentKeyRow& row) {
    return row.card == card && row.slot.reference == slot.reference && row.slot.version == slot.version;
  };
  CARDEA_TRY(const auto rows, ledger_.resident_keys_of(card));
  for (const auto& row : rows) {
    if (!made_for(row)) continue;
    // A row that somebody else moved to this place is of a key that the card still has.
    CARDEA_TRY(const auto found, ledger_.resident_key(row.id));
    if (!found || !made_for(found->row)) continue;
    CARDEA_TRY(auto* vault, this->vault());
    CARDEA_CHECK(vault->destroy_resident(organisation, card, row.id));
    CARDEA_CHECK(ledger_.release(row.id));
  }
  return {};
}

/// Every object of the card goes, whatever the list says of each: a signer finds none of another card's.
Result<void> Keyring::forget_card(const std::string& organisation, const std::string& card) {
  CARDEA_TRY(const auto rows, ledger_.resident_keys_of(card));
  for (const auto& row : rows) {
    CARDEA_TRY(auto* vault, this->vault());
    CARDEA_CHECK(vault->destroy_resident(organisation, card, row.id));
    CARDEA_CHECK(ledger_.release(row.id));
  }
  return {};
}

Result<void> Keyring::destroy_orphans() {
  CARDEA_TRY(auto* vault, this->vault());
  if (!database_.changes().on())
    return fail(Errc::unavailable, "the list of resident keys was not compared with the log of changes yet");
  std::vector<vault::ResidentId> left;
  {
    const std::lock_guard lock{mutex_};
    left.swap(left_over_);
  }
  if (!left.empty() && !database_.changes().intact()) {
    report(false, "hsm.orphan",
           "resident keys that no card has stay in the HSM until a start finds all rows to be the server's");
    return {};
  }
  while (!left.empty()) {
    if (auto done = destroy_orphan(*vault, left.back()); !done) {
      const std::lock_guard lock{mutex_};
      left_over_ = std::move(left);
      return done;
    }
    left.pop_back();
  }
  return {};
}

Result<void> Keyring::destroy_orphan(vault::Vault& vault, const vault::ResidentId& id) {
  const auto found = ledger_.resident_key(id);
  if (!found && found.error().code == Errc::corrupt) {
    report(false, "hsm.orphan", "a resident key stays in the HSM: " + found.error().what);
    return {};
  }
  if (!found) return tl::unexpected{found.error()};
  if (!*found) return {};  // destroyed with its card, or by it, meanwhile
  const auto& [row, record] = **found;
  if (record) {
    const auto key = card::stored_key(*record);
    // A damaged record says nothing about the object: it stays.
    if (!key || key->slot.version == row.slot.version) return {};
  }
  CARDEA_CHECK(vault.destroy_resident(row.organisation, row.card, row.id));
  CARDEA_CHECK(ledger_.release(row.id));
  report(true, "hsm.orphan", "a resident key that no card has was destroyed");
  return {};
}

}  // namespace cardea::keyring

// Versions of the organisations' keys: making the next, wrapping everything anew, retiring the earlier ones.

#include <algorithm>
#include <utility>

#include "cardea/card/stored_key.h"
#include "cardea/keyring/keyring.h"
#include "cardea/keyring/masters.h"
#include "cardea/vault/passcode_key.h"
#include "cardea/vault/sealed_key.h"
#include "spare_box.h"

namespace cardea::keyring {

namespace {

constexpr std::size_t kCardsAtOnce = 16;
/// How often all cards are gone through for keys that came in between; what is left then is damaged.
constexpr unsigned kPasses = 3;

/// What a handle says of itself.
struct Naming {
  std::uint32_t version = 0;
  bool layered = false;  ///< only the holder can open it
};

std::optional<Naming> naming(BytesView sealed) {
  if (vault::has_passcode_layer(sealed)) {
    const auto key = vault::PasscodeKey::parse(sealed);
    if (!key) return std::nullopt;
    return Naming{key->kek_version, true};
  }
  const auto key = vault::SealedKey::parse(sealed);
  if (!key) return std::nullopt;
  return Naming{key->kek_version, false};
}

}  // namespace

struct Keyring::Tally {
  std::uint64_t left = 0;
  std::uint64_t waiting = 0;
};

Result<void> Keyring::rotate(const std::string& organisation) {
  CARDEA_TRY(auto* vault, this->vault());
  const std::lock_guard one_at_a_time{rotating_};
  CARDEA_TRY(const auto rows, ledger_.kek_versions());
  vault::KekVersions versions;
  for (const auto& row : rows) {
    if (row.organisation != organisation) continue;
    versions.current = std::max(versions.current, row.version);
    if (row.retired_at) versions.oldest = std::max(versions.oldest, row.version);
    if (row.version == versions.current && !row.finished_at) {
      return fail(Errc::conflict, "the keys of this organisation are being wrapped anew: cardea hsm status");
    }
  }
  ++versions.current;
  // In the HSM first: a version that the database names must be there. Cut off between, this does no harm.
  CARDEA_CHECK(vault->make_version(organisation, versions.current));
  CARDEA_CHECK(ledger_.add_kek_version(organisation, versions.current, now()));
  vault->use_versions(organisation, versions);
  {
    const std::lock_guard lock{mutex_};
    work_waits_ = true;
  }
  wake_.notify_all();
  return {};
}

Result<bool> Keyring::wrap_some_of(const std::stop_token& stop) {
  CARDEA_TRY(const auto rows, ledger_.kek_versions());
  bool more = false;
  for (std::size_t i = 0; i < rows.size() && !stop.stop_requested(); ++i) {
    const bool newest = i + 1 == rows.size() || rows[i + 1].organisation != rows[i].organisation;
    if (!newest || rows[i].finished_at) continue;
    wait_for_quiet(stop);
    CARDEA_TRY(auto* vault, this->vault());
    CARDEA_TRY(const auto again, wrap_cards(rows[i], *vault));
    more = more || again;
  }
  return more;
}

/// The next cards, or at their end the spare keys. True until nothing of an earlier version is left.
Result<bool> Keyring::wrap_cards(const store::KekVersionRow& version, vault::Vault& vault) {
  const auto& organisation = version.organisation;
  CARDEA_TRY(const auto records, ledger_.key_records(organisation, version.cursor, kCardsAtOnce));
  auto cursor = version.cursor;
  for (const auto& record : records) {
    cursor = record.card_number;
    if (record.value.empty()) continue;
    const auto key = card::stored_key(record.value);
    const auto named = key ? naming(key->sealed) : std::nullopt;
    if (!named) report(false, "hsm.rotate", "a key record of card " + record.card + " is damaged");
    if (!named || named->layered || named->version >= version.version) continue;
    auto fresh = vault.rewrap(organisation, record.card, *key);
    if (!fresh && fresh.error().code != Errc::corrupt) return tl::unexpected{std::move(fresh).error()};
    if (!fresh) {
      report(false, "hsm.rotate",
             "a key of card " + record.card + " cannot be wrapped anew: " + fresh.error().what);
      continue;
    }
    CARDEA_TRY(const auto value, card::with_sealed(record.value, *std::move(fresh)));
    // Where the card got another key meanwhile, the search for what is left will find it.
    CARDEA_CHECK(ledger_.replace_key_record(record, value));
  }
  if (!records.empty()) {
    CARDEA_CHECK(ledger_.advance(organisation, version.version, cursor, std::nullopt));
    return true;
  }

  CARDEA_TRY(const auto spares, ledger_.spares(organisation));
  for (const auto& spare : spares) {
    auto handle = open_spare(options_.pool_key, organisation, spare.public_key, spare.sealed);
    const auto named = handle ? naming(*handle) : std::nullopt;
    if (!named || named->version >= version.version) continue;
    CARDEA_TRY(auto fresh, vault.rewrap(organisation, vault::kPoolCard,
                                        {spare.public_key.algorithm, {}, *handle, spare.public_key}));
    (void)ledger_.replace_spare(
        spare.number, box_spare(options_.pool_key, organisation, {spare.public_key, std::move(fresh)}, rng_));
  }

  CARDEA_CHECK(wrap_masters(version, vault));

  // Keys that were being made when the version changed may have got the earlier one.
  CARDEA_TRY(const auto tally, count(organisation, version.version));
  const bool rest = tally.left > tally.waiting;
  if (rest && ++passes_[organisation] < kPasses) {
    CARDEA_CHECK(ledger_.advance(organisation, version.version, 0, std::nullopt));
    return true;
  }
  passes_.erase(organisation);
  CARDEA_CHECK(ledger_.advance(organisation, version.version, cursor, now()));
  report(!rest, "hsm.rotate",
         "organisation " + organisation + ": " + std::to_string(version.rewrapped) +
             " keys wrapped by version " + std::to_string(version.version) + ", " +
             std::to_string(tally.left) + " left");
  return false;
}

/// Master keys of the cards' keys. Those that are retired meanwhile need nothing any more.
Result<void> Keyring::wrap_masters(const store::KekVersionRow& version, vault::Vault& vault) {
  CARDEA_TRY(const auto sets, ledger_.card_keys(version.organisation));
  for (const auto& set : sets) {
    std::vector<Bytes> fresh;
    bool changed = false;
    for (const auto& handle : masters_of(set)) {
      fresh.push_back(handle.sealed);
      const auto named = naming(handle.sealed);
      if (named && named->version >= version.version) continue;
      auto sealed = named ? vault.rewrap(version.organisation, vault::kMasterCard, handle)
                          : Result<Bytes>{fail(Errc::corrupt, "its handle is damaged")};
      if (!sealed && sealed.error().code != Errc::corrupt) return tl::unexpected{std::move(sealed).error()};
      if (!sealed) {
        report(false, "hsm.rotate", "a master key of cards cannot be wrapped anew: " + sealed.error().what);
        continue;
      }
      fresh.back() = *std::move(sealed);
      changed = true;
    }
    if (changed) CARDEA_CHECK(ledger_.replace_masters(set, fresh));
  }
  return {};
}

Result<Keyring::Tally> Keyring::count(const std::string& organisation, std::uint32_t below) {
  Tally tally;
  for (std::uint64_t after = 0;;) {
    CARDEA_TRY(const auto records, ledger_.key_records(organisation, after, 256));
    if (records.empty()) break;
    after = records.back().card_number;
    for (const auto& record : records) {
      if (record.value.empty()) continue;
      const auto key = card::stored_key(record.value);
      const auto named = key ? naming(key->sealed) : std::nullopt;
      if (named && named->version >= below) continue;
      ++tally.left;
      if (named && named->layered) ++tally.waiting;
    }
  }
  CARDEA_TRY(const auto spares, ledger_.spares(organisation));
  for (const auto& spare : spares) {
    const auto handle = open_spare(options_.pool_key, organisation, spare.public_key, spare.sealed);
    const auto named = handle ? naming(*handle) : std::nullopt;
    if (named && named->version < below) ++tally.left;
  }
  CARDEA_TRY(const auto sets, ledger_.card_keys(organisation));
  for (const auto& set : sets) {
    for (const auto& sealed : set.masters) {
      const auto named = naming(sealed);
      if (!named || named->version < below) ++tally.left;
    }
  }
  return tally;
}

Result<void> Keyring::retire(const std::string& organisation) {
  CARDEA_TRY(auto* vault, this->vault());
  const std::lock_guard one_at_a_time{rotating_};
  CARDEA_TRY(const auto status, rotation(organisation));
  if (status.running) {
    return fail(Errc::conflict, "the keys of this organisation are being wrapped anew: cardea hsm status");
  }
  if (status.current == status.oldest) {
    return fail(Errc::conflict, "this organisation has no earlier version of its keys");
  }
  if (status.left > 0) {
    return fail(Errc::conflict, std::to_string(status.left) + " keys still name an earlier version (" +
                                    std::to_string(status.waiting) + " of them until their holders log in)");
  }
  CARDEA_CHECK(ledger_.retire_below(organisation, status.current, now()));
  vault->use_versions(organisation, {status.current, status.current});
  return {};
}

Result<RotationStatus> Keyring::rotation(const std::string& organisation) {
  RotationStatus out;
  out.organisation = organisation;
  CARDEA_TRY(const auto rows, ledger_.kek_versions());
  for (const auto& row : rows) {
    if (row.organisation != organisation || row.version < out.current) continue;
    out.current = row.version;
    out.running = !row.finished_at;
    out.rewrapped = row.rewrapped;
    if (row.retired_at) out.oldest = row.version;
  }
  CARDEA_TRY(const auto tally, count(organisation, out.current));
  out.left = tally.left;
  out.waiting = tally.waiting;
  return out;
}

}  // namespace cardea::keyring

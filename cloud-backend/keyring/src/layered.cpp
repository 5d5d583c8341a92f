#include "cardea/keyring/layered.h"

#include <algorithm>
#include <utility>

#include "cardea/card/stored_key.h"
#include "cardea/vault/passcode_key.h"

namespace cardea::keyring {
namespace {

Result<std::uint32_t> current_version(store::Database& database, const std::string& organisation) {
  std::uint32_t current = 1;
  CARDEA_TRY(const auto rows, database.key_ledger().kek_versions());
  for (const auto& row : rows) {
    if (row.organisation == organisation) current = std::max(current, row.version);
  }
  return current;
}

/// Whether it names an earlier version. Damaged ones are left as they are: the card notices when they are
/// used.
bool waits(const card::KeyHandle& key, std::uint32_t current) {
  if (!vault::has_passcode_layer(key.sealed)) return false;
  const auto outer = vault::PasscodeKey::parse(key.sealed);
  return outer && outer->kek_version != 0 && outer->kek_version < current;
}

}  // namespace

Result<std::size_t> rewrap_layered(store::Database& database, vault::Vault& vault,
                                   const std::string& organisation, const std::string& card,
                                   vault::PasscodeHolder& holder) {
  CARDEA_TRY(const auto current, current_version(database, organisation));
  if (current == 1) return std::size_t{0};
  const auto store = database.card_store(card);
  CARDEA_TRY(const auto ids, store->list(card::RecordSpace::key));
  std::size_t done = 0;
  for (const auto id : ids) {
    CARDEA_TRY(const auto record, store->get({card::RecordSpace::key, id}));
    if (!record) continue;
    auto key = card::stored_key(*record);
    if (!key || !waits(*key, current)) continue;
    CARDEA_TRY(const auto secret, holder.lend());
    auto inner = vault::open_with_passcode(*key, organisation, card, secret);
    if (!inner && inner.error().code == Errc::corrupt) continue;
    if (!inner) return tl::unexpected{std::move(inner).error()};
    key->sealed = *std::move(inner);
    auto fresh = vault.rewrap(organisation, card, *key);
    if (!fresh && fresh.error().code == Errc::corrupt) continue;
    if (!fresh) return tl::unexpected{std::move(fresh).error()};
    key->sealed = *std::move(fresh);
    CARDEA_TRY(auto sealed, vault::seal_with_passcode(*key, organisation, card, secret.public_key));
    wipe(key->sealed);
    CARDEA_TRY(const auto value, card::with_sealed(*record, std::move(sealed)));
    // Somebody may have put another key there: then there is nothing left to do.
    CARDEA_TRY(const auto replaced, database.key_ledger().replace_key_record({0, card, id, *record}, value));
    if (replaced) ++done;
  }
  return done;
}

}  // namespace cardea::keyring

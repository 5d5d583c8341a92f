#include "gp/stored_key_sets.h"

#include <algorithm>
#include <utility>

#include "cardea/card/gp/sequence_counters.h"
#include "piv/key_record.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kIdentifiers[] = {1, 2, 3};

}  // namespace

SecretBytes whole_key(Algorithm algorithm, const SecretBytes& key) {
  const auto size = key_size(algorithm);
  if (key.size() >= size || 2 * key.size() < size) return key.clone();
  SecretBytes out{size};
  std::ranges::copy(key.expose(), out.expose().begin());
  std::ranges::copy(key.expose().first(size - key.size()), out.expose().subspan(key.size()).begin());
  return out;
}

Result<KeyHandle> import_domain_key(KeyVault& vault, KeySlot slot, Algorithm algorithm,
                                    const SecretBytes& key) {
  return vault.import_symmetric(slot, algorithm, whole_key(algorithm, key));
}

Result<std::vector<StoredKeySets::Entry>> StoredKeySets::list() {
  std::vector<Entry> out;
  CARDEA_TRY(const auto ids, store_.list(RecordSpace::card));
  for (const auto id : ids) {
    if (!is_key_set(id)) continue;
    const auto version = static_cast<std::uint8_t>(id);
    CARDEA_TRY(const auto octets, store_.get(key_set_id(version)));
    if (!octets) continue;  // gone since it was listed
    CARDEA_TRY(const auto record, decode_key_set(*octets));
    out.push_back({version, record});
  }
  return out;
}

Result<std::optional<StoredKeySets::Entry>> StoredKeySets::entry(std::uint8_t version) {
  if (version != 0) {
    CARDEA_TRY(const auto octets, store_.get(key_set_id(version)));
    if (!octets) return std::optional<Entry>{};
    CARDEA_TRY(const auto record, decode_key_set(*octets));
    return std::optional{Entry{version, record}};
  }
  CARDEA_TRY(const auto sets, list());
  const auto newest =
      std::ranges::max_element(sets, {}, [](const Entry& set) { return set.record.generation; });
  return newest == sets.end() ? std::optional<Entry>{} : std::optional{*newest};
}

Result<KeyHandle> StoredKeySets::load(const Entry& set, std::uint8_t identifier) {
  const auto reference = key_reference(set.record.place, identifier);
  CARDEA_TRY(const auto octets, store_.get({RecordSpace::key, reference}));
  if (!octets) return fail(Errc::corrupt, "a key of the security domain is missing");
  CARDEA_TRY(auto key, piv::decode_key_record(*octets));
  const auto& slot = key.handle.slot;
  if (slot.reference != reference || slot.version != set.record.generation ||
      key.handle.algorithm != set.record.algorithm) {
    return fail(Errc::corrupt, "a key of the security domain belongs elsewhere");
  }
  return std::move(key.handle);
}

Result<std::optional<KeySet>> StoredKeySets::find(std::uint8_t version) {
  CARDEA_TRY(const auto set, entry(version));
  if (!set) return std::optional<KeySet>{};
  KeySet out;
  out.version = set->version;
  out.protocol = set->record.protocol;
  out.options = set->record.options;
  out.generation = set->record.generation;
  CARDEA_TRY(out.encryption, load(*set, 1));
  CARDEA_TRY(out.mac, load(*set, 2));
  CARDEA_TRY(out.sensitive, load(*set, 3));
  return std::optional{std::move(out)};
}

Result<ImportedKeySet> StoredKeySets::make(const NewKeySet& fresh, std::uint8_t place,
                                           std::uint64_t generation) {
  ImportedKeySet out;
  auto made = [&]() -> Result<void> {
    for (const auto identifier : kIdentifiers) {
      const auto reference = key_reference(place, identifier);
      CARDEA_TRY(auto handle, fresh.make(identifier, {reference, generation, false}));
      out.handles.push_back(handle);
      const bool alike = handle.algorithm == out.handles.front().algorithm;
      if (!alike || !speaks(fresh.protocol, fresh.options, handle.algorithm))
        return fail(Errc::invalid, "these keys do not suit their secure channel protocol");
      const piv::KeyRecord key{std::move(handle), KeyOrigin::imported, piv::PinPolicy::never,
                               piv::TouchPolicy::never, fresh.factory_value};
      out.changes.push_back({{RecordSpace::key, reference}, piv::encode(key)});
    }
    return {};
  }();
  if (!made) {
    discard(out.handles);
    return tl::unexpected{std::move(made).error()};
  }
  const KeySetRecord record{place, fresh.protocol, fresh.options, out.handles.front().algorithm, generation};
  out.changes.push_back({key_set_id(fresh.version), encode(record)});
  return out;
}

Result<ImportedKeySet> StoredKeySets::erasure(const Entry& set) {
  ImportedKeySet out;
  for (const auto id : {key_set_id(set.version), StoredSequenceCounters::record(set.version)})
    out.changes.push_back({id, std::nullopt});
  for (const auto identifier : kIdentifiers) {
    const RecordId id{RecordSpace::key, key_reference(set.record.place, identifier)};
    out.changes.push_back({id, std::nullopt});
    CARDEA_TRY(const auto octets, store_.get(id));
    auto key = piv::decode_key_record(octets.value_or(Bytes{}));
    if (key) out.handles.push_back(std::move(key->handle));
  }
  return out;
}

void StoredKeySets::discard(const std::vector<KeyHandle>& handles) {
  for (const auto& handle : handles)
    (void)vault_.discard(handle);
}

}  // namespace cardea::card::gp

#include "gp/factory.h"

#include <memory>
#include <optional>

#include "cardea/hex.h"

namespace cardea::card::gp {

namespace {

constexpr auto kWellKnown = "404142434445464748494A4B4C4D4E4F"_hex;

std::optional<Algorithm> algorithm_of(Protocol protocol, const SecretBytes& key) {
  constexpr std::size_t kTwoKeys = 16;
  if (protocol == Protocol::scp02)
    return key.size() == kTwoKeys ? std::optional{Algorithm::tdes} : std::nullopt;
  for (const auto aes : {Algorithm::aes128, Algorithm::aes192, Algorithm::aes256})
    if (key.size() == key_size(aes)) return aes;
  return std::nullopt;
}

}  // namespace

SecurityDomainKeys imported_keys(KeyVault& vault, Protocol protocol, std::uint8_t options, SecretBytes enc,
                                 SecretBytes mac, SecretBytes dek) {
  SecurityDomainKeys out;
  out.protocol = protocol;
  out.options = options;
  // Shared, since a function can be copied and a secret cannot.
  using Keys = std::array<SecretBytes, 3>;
  const auto keys = std::make_shared<const Keys>(Keys{std::move(enc), std::move(mac), std::move(dek)});
  out.make = [&vault, protocol, keys](std::uint8_t identifier, KeySlot slot) -> Result<KeyHandle> {
    const auto& key = keys->at(identifier - 1U);
    const auto algorithm = algorithm_of(protocol, key);
    if (!algorithm) return fail(Errc::invalid, "a key of a security domain has 16, 24 or 32 octets");
    return import_domain_key(vault, slot, *algorithm, key);
  };
  return out;
}

SecurityDomainKeys well_known_keys(KeyVault& vault, Protocol protocol, std::uint8_t options) {
  const BytesView key{kWellKnown};
  auto out = imported_keys(vault, protocol, options, SecretBytes{key}, SecretBytes{key}, SecretBytes{key});
  out.well_known = true;
  return out;
}

Result<std::vector<std::uint8_t>> key_versions(Store& store) {
  CARDEA_TRY(const auto ids, store.list(RecordSpace::card));
  std::vector<std::uint8_t> out;
  for (const auto id : ids)
    if (is_key_set(id)) out.push_back(static_cast<std::uint8_t>(id));
  return out;
}

Result<ImportedKeySet> factory_key_set(Store& store, KeyVault& vault, const SecurityDomainKeys& keys) {
  if (keys.version == 0 || (keys.version > kHighestVersion && keys.version != kInitialVersion))
    return fail(Errc::invalid, "a key version number is 01 to 7F, or FF");
  if (!keys.make) return fail(Errc::invalid, "a security domain without anybody to make its keys");
  const NewKeySet fresh{keys.version, keys.protocol, keys.options, keys.well_known, keys.make};
  CARDEA_TRY(auto out, StoredKeySets(store, vault).make(fresh, 0, 1));
  Registry registry;
  registry.generations = 1;
  out.changes.push_back({kRegistryId, encode(registry)});
  out.changes.push_back({domain_data_id(0xCF), to_bytes(keys.diversification)});
  return out;
}

}  // namespace cardea::card::gp

#include "gp/put_key.h"

#include <algorithm>
#include <utility>

#include "engine/error_map.h"
#include "gp/issuer.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kTripleDes = 0x80;
constexpr std::uint8_t kAes = 0x88;
constexpr std::size_t kCheckValue = 3;
constexpr std::size_t kTwoKeys = 16;
constexpr std::uint8_t kUsualScp02 = 0x15;
constexpr std::uint8_t kUsualScp03 = 0x70;

std::optional<Algorithm> aes_of(std::size_t size) {
  for (const auto aes : {Algorithm::aes128, Algorithm::aes192, Algorithm::aes256})
    if (size == key_size(aes)) return aes;
  return std::nullopt;
}

/// Takes one field from the front.
std::optional<KeyField> take_field(BytesView& data) {
  if (data.size() < 2 || data.size() - 2 < data[1]) return std::nullopt;
  const auto type = data[0];
  auto value = data.subspan(2, data[1]);
  data = data.subspan(2 + value.size());
  KeyField out;
  if (type == kTripleDes) {
    out.algorithm = Algorithm::tdes;
    out.size = kTwoKeys;
  } else if (type == kAes && !value.empty() && aes_of(value[0])) {
    out.algorithm = *aes_of(value[0]);
    out.size = value[0];
    value = value.subspan(1);
  } else {
    return std::nullopt;
  }
  // Filled up to blocks of eight or sixteen, as the cipher of the channel has them.
  if (value.size() < out.size || value.size() >= out.size + 16) return std::nullopt;
  out.encrypted = value;
  if (data.size() < 1 + kCheckValue || data[0] != kCheckValue) return std::nullopt;
  out.check_value = data.subspan(1, kCheckValue);
  data = data.subspan(1 + kCheckValue);
  return out;
}

/// Card Specification 2.3.1, B.5, and Amendment D, 4.1.4: the beginning of an encrypted block of zeroes, or
/// of ones for AES.
Result<Bytes> check_value(SessionCipher& cipher, Algorithm algorithm, const SecretBytes& key) {
  const auto block = block_size(algorithm);
  const Bytes constant(block, algorithm == Algorithm::tdes ? 0x00 : 0x01);
  CARDEA_TRY(const auto encrypted,
             cipher.cbc_encrypt(algorithm, whole_key(algorithm, key), Bytes(block), constant));
  return to_bytes(encrypted.expose().first(kCheckValue));
}

/// How sessions with new keys of this kind are to be: as those with the keys that the card has.
std::uint8_t options_for(Protocol protocol, const std::vector<StoredKeySets::Entry>& sets) {
  std::uint8_t options = protocol == Protocol::scp02 ? kUsualScp02 : kUsualScp03;
  std::uint64_t newest = 0;
  for (const auto& set : sets) {
    if (set.record.protocol != protocol || set.record.generation < newest) continue;
    newest = set.record.generation;
    options = set.record.options;
  }
  return options;
}

/// A place that no set has; else that of one that goes away.
std::optional<std::uint8_t> place_for(const std::vector<StoredKeySets::Entry>& sets,
                                      const std::vector<StoredKeySets::Entry>& leaving) {
  for (std::uint8_t place = 0; place < kKeySetPlaces; ++place) {
    const auto here = [place](const auto& set) { return set.record.place == place; };
    if (std::ranges::none_of(sets, here)) return place;
  }
  return leaving.empty() ? std::nullopt : std::optional{leaving.front().record.place};
}

}  // namespace

std::optional<PutKeyRequest> parse_put_key(BytesView data) {
  if (data.empty()) return std::nullopt;
  PutKeyRequest out;
  out.version = data[0];
  data = data.subspan(1);
  for (auto& key : out.keys) {
    const auto field = take_field(data);
    if (!field) return std::nullopt;
    key = *field;
  }
  const auto algorithm = out.keys[0].algorithm;
  const bool alike =
      std::ranges::all_of(out.keys, [&](const auto& key) { return key.algorithm == algorithm; });
  if (!data.empty() || !alike) return std::nullopt;
  return out;
}

// Card Specification 2.3.1, 11.8 PUT KEY, and Amendment D, 7.2. Everything about a set changes in one
// transaction: new keys, the old ones that they replace, the initial ones that go when the first others come,
// and the sequence counters of those that go.
CardResult<Reply> Issuer::put_key(const Command& command) {
  CARDEA_TRY(const auto stored, registry_for_change());
  const auto request = parse_put_key(command.data);
  if (!request || request->version == 0 || request->version > kHighestVersion) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto sets, lift(domain_.keys().list()));
  CARDEA_TRY(const auto leaving, leaving_for(command.p1, request->version, sets));
  const auto place = place_for(sets, leaving);
  if (!place) return refuse(sw::kNoMemory);

  const auto algorithm = request->keys[0].algorithm;
  std::array<SecretBytes, 3> keys;
  Reply reply{Bytes{request->version}};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& field = request->keys.at(i);
    CARDEA_TRY(const auto plain, domain_.decrypt_sensitive(field.encrypted));
    keys.at(i) = SecretBytes{plain.expose().first(field.size)};
    CARDEA_TRY(const auto check, lift(check_value(ports_.cipher, algorithm, keys.at(i))));
    if (!equal(check, field.check_value)) return refuse(sw::kWrongData);
    append(reply.data, check);
  }
  const auto protocol = algorithm == Algorithm::tdes ? Protocol::scp02 : Protocol::scp03;
  const auto make = [&](std::uint8_t identifier, KeySlot slot) {
    return import_domain_key(ports_.keys, slot, algorithm, keys.at(identifier - 1U));
  };
  const NewKeySet fresh{request->version, protocol, options_for(protocol, sets), false, make};
  CARDEA_CHECK(exchange_keys(stored, fresh, *place, leaving));
  return reply;
}

/// Which sets go away when this one comes. 6A88 when there is no such set to be replaced; 6A80 when the
/// version is taken.
CardResult<std::vector<StoredKeySets::Entry>> Issuer::leaving_for(
    std::uint8_t replaced, std::uint8_t version, const std::vector<StoredKeySets::Entry>& sets) {
  std::vector<StoredKeySets::Entry> out;
  for (const auto& set : sets) {
    if (set.version == version && version != replaced) return refuse(sw::kWrongData);
    if (set.version == replaced || set.version == kInitialVersion) out.push_back(set);
  }
  const auto is_replaced = [&](const auto& set) { return set.version == replaced; };
  if (replaced != 0 && std::ranges::none_of(out, is_replaced)) return refuse(sw::kReferencedDataNotFound);
  return out;
}

CardResult<void> Issuer::exchange_keys(const StoredRegistry& before, const NewKeySet& fresh,
                                       std::uint8_t place, const std::vector<StoredKeySets::Entry>& leaving) {
  auto after = before.registry;
  ++after.generations;
  std::vector<Change> erased;
  std::vector<KeyHandle> old;
  for (const auto& set : leaving) {
    CARDEA_TRY(auto erasure, lift(domain_.keys().erasure(set)));
    std::ranges::move(erasure.changes, std::back_inserter(erased));
    std::ranges::move(erasure.handles, std::back_inserter(old));
  }
  CARDEA_TRY(auto imported, lift(domain_.keys().make(fresh, place, after.generations)));
  auto& changes = imported.changes;
  for (auto& change : erased) {
    const bool written = std::ranges::any_of(changes, [&](const Change& c) { return c.id == change.id; });
    if (!written) changes.push_back(std::move(change));
  }
  changes.push_back({kRegistryId, encode(after)});
  const Condition unchanged{kRegistryId, before.octets};
  if (auto committed = lift(ports_.store.commit_if({&unchanged, 1}, changes)); !committed) {
    domain_.keys().discard(imported.handles);
    return committed;
  }
  domain_.keys().discard(old);
  const auto ours = [&](const auto& set) { return set.version == domain_.key_version(); };
  if (std::ranges::any_of(leaving, ours)) domain_.live_with(fresh.version, after.generations);
  const auto replaced = leaving.empty() ? std::uint8_t{0} : leaving.front().version;
  return lift(
      ports_.audit.record(KeySetReplaced{fresh.version, replaced, imported.handles.front().algorithm}));
}

}  // namespace cardea::card::gp

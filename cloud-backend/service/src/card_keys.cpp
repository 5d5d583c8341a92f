#include "cardea/service/card_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cardea/hex.h"
#include "cardea/keyring/masters.h"
#include "noted.h"

namespace cardea::service {
namespace {

using card::Algorithm;
using card::gp::Protocol;
using vault::Diversification;

// Stored words: never change them.
constexpr std::string_view kCreate = "organisation.card_keys.create";
constexpr std::string_view kImport = "organisation.card_keys.import";
constexpr std::string_view kRetire = "organisation.card_keys.retire";
constexpr std::string_view kIntent = ".intent";

constexpr std::size_t kDesPart = 8;

bool known_options(Protocol protocol, std::uint8_t options) {
  if (protocol == Protocol::scp02) return options == 0x15 || options == 0x55;
  constexpr std::array<std::uint8_t, 6> kScp03{0x00, 0x10, 0x20, 0x30, 0x60, 0x70};
  return std::ranges::find(kScp03, options) != kScp03.end();
}

std::string detail(const CardKeySettings& settings, bool imported, BytesView check_values = {}) {
  return fmt::format(
      R"({{"key_version":{},"protocol":"SCP{:02}","i":"{:02X}","algorithm":"{}","masters":{},"imported":{},)"
      R"("check_values":"{}"}})",
      settings.key_version, static_cast<unsigned>(settings.protocol), settings.options,
      card::name(settings.algorithm), settings.three ? 3 : 1, imported, to_hex(check_values));
}

/// Triple DES of two parts as the vault takes it: K1, K2, K1.
SecretBytes as_the_vault_has_it(const CardKeySettings& settings, const SecretBytes& key) {
  if (settings.parts != 2) return key.clone();
  SecretBytes out{3 * kDesPart};
  const auto octets = out.expose();
  std::ranges::copy(key.expose(), octets.begin());
  std::ranges::copy(key.expose().first(kDesPart), octets.last(kDesPart).begin());
  return out;
}

store::CardKeysRow row_of(const CardKeySettings& settings, bool imported) {
  store::CardKeysRow out;
  out.key_version = settings.key_version;
  out.protocol = static_cast<std::uint8_t>(settings.protocol);
  out.options = settings.options;
  out.scheme = static_cast<std::uint8_t>(settings.scheme);
  out.algorithm = settings.algorithm;
  out.parts = settings.parts;
  out.imported = imported;
  return out;
}

CardKeySettings settings_of(const store::CardKeysRow& row) {
  CardKeySettings out;
  out.algorithm = row.algorithm;
  out.parts = row.parts;
  out.three = row.masters.size() > 1;
  out.key_version = row.key_version;
  out.protocol = static_cast<Protocol>(row.protocol);
  out.options = row.options;
  out.scheme = static_cast<Diversification>(row.scheme);
  return out;
}

}  // namespace

Result<Algorithm> card_key_algorithm(const CardKeySettings& settings) {
  const bool des = settings.algorithm == Algorithm::tdes;
  const bool scp02 = settings.protocol == Protocol::scp02;
  if (!card::is_symmetric(settings.algorithm) || (des && settings.parts != 2 && settings.parts != 3) ||
      (!des && settings.parts != 0))
    return fail(Errc::invalid, "master keys are AES, or triple DES of two or three parts");
  if (settings.key_version < 0x01 || settings.key_version > 0x7F)
    return fail(Errc::invalid, "the key version is a number from 1 to 127");
  if (!known_options(settings.protocol, settings.options))
    return fail(Errc::invalid, scp02 ? "the parameter i of SCP02 is 15 or 55"
                                     : "the parameter i of SCP03 is 00, 10, 20, 30, 60 or 70");
  const auto key = scp02 ? Algorithm::tdes : des ? Algorithm::aes128 : settings.algorithm;
  if (!vault::makes(settings.scheme, settings.algorithm, key))
    return fail(Errc::invalid,
                scp02 ? "SCP02 has triple DES keys: triple DES master keys make them, by visa2 or emv"
                      : "kdf3 makes AES keys of AES master keys; visa2 and emv need triple DES master keys");
  return key;
}

Result<void> CardKeys::note(const std::string& organisation, const std::string& actor,
                            std::string_view action, bool success, std::string detail) {
  store::AuditRow line;
  line.at = world_.clock.now();
  line.organisation = organisation;
  line.actor = actor;
  line.action = action;
  line.success = success;
  line.detail = std::move(detail);
  return noted(world_, line, organisation);
}

Result<store::CardKeysRow> CardKeys::take(const std::string& organisation, const CardKeySettings& settings,
                                          bool imported, BytesView expected, const std::string& actor,
                                          const MakeMaster& make) {
  CARDEA_CHECK(card_key_algorithm(settings));
  CARDEA_TRY(const auto tenant, world_.database.organisation(organisation));
  CARDEA_TRY(const auto sets, world_.database.key_ledger().card_keys(tenant.id));
  if (!sets.empty() && !sets.front().retired_at)
    return fail(Errc::conflict, "the organisation has card keys in use: retire them first");

  const auto action = imported ? kImport : kCreate;
  CARDEA_CHECK(
      note(tenant.id, actor, std::string{action} + std::string{kIntent}, true, detail(settings, imported)));
  auto row = row_of(settings, imported);
  row.organisation = tenant.id;
  row.number = sets.empty() ? 1 : sets.front().number + 1;
  row.made_at = world_.clock.now();
  const auto made = [&]() -> Result<void> {
    CARDEA_CHECK(world_.vault.ensure_tenant(tenant.id));
    for (std::size_t i = 0; i < (settings.three ? 3U : 1U); ++i) {
      CARDEA_TRY(auto key, make(i, keyring::master_slot(static_cast<std::uint8_t>(i + 1), row.number)));
      CARDEA_TRY(const auto value, world_.vault.check_value(tenant.id, key));
      append(row.check_values, value);
      row.masters.push_back(std::move(key.sealed));
    }
    if (!expected.empty() && !equal(expected, row.check_values))
      return fail(Errc::denied, "these are other keys: their check values are " + to_hex(row.check_values));
    return world_.database.key_ledger().add(row);
  }();
  CARDEA_CHECK(
      note(tenant.id, actor, action, made.has_value(), detail(settings, imported, row.check_values)));
  if (!made) return tl::unexpected{made.error()};
  return row;
}

Result<store::CardKeysRow> CardKeys::create(const std::string& organisation, const CardKeySettings& settings,
                                            const std::string& actor) {
  CARDEA_TRY(const auto tenant, world_.database.organisation(organisation));
  return take(tenant.id, settings, false, {}, actor, [&](std::size_t, card::KeySlot slot) {
    return world_.vault.make_master(tenant.id, slot, settings.algorithm, settings.parts);
  });
}

Result<store::CardKeysRow> CardKeys::import(const std::string& organisation, const CardKeySettings& settings,
                                            const std::vector<SecretBytes>& keys, BytesView check_values,
                                            const std::string& actor) {
  CARDEA_CHECK(card_key_algorithm(settings));
  const auto size = settings.parts == 2 ? 2 * kDesPart : card::key_size(settings.algorithm);
  if (keys.size() != (settings.three ? 3U : 1U))
    return fail(Errc::invalid, settings.three
                                   ? "a set has three master keys: ENC, MAC and DEK"
                                   : "there is one master key, unless a set of three is asked for");
  for (const auto& key : keys) {
    if (key.size() != size)
      return fail(Errc::invalid, fmt::format("a master key of this kind has {} octets", size));
  }
  if (!check_values.empty() && check_values.size() != keys.size() * vault::kCheckValueSize)
    return fail(Errc::invalid, "a check value has three octets, and each master key has one");
  CARDEA_TRY(const auto tenant, world_.database.organisation(organisation));
  return take(tenant.id, settings, true, check_values, actor, [&](std::size_t i, card::KeySlot slot) {
    return world_.vault.import_master(tenant.id, slot, settings.algorithm,
                                      as_the_vault_has_it(settings, keys[i]));
  });
}

Result<std::vector<store::CardKeysRow>> CardKeys::list(const std::string& organisation) {
  CARDEA_TRY(const auto tenant, world_.database.organisation(organisation));
  return world_.database.key_ledger().card_keys(tenant.id);
}

Result<store::CardKeysRow> CardKeys::retire(const std::string& organisation, const std::string& actor) {
  CARDEA_TRY(const auto tenant, world_.database.organisation(organisation));
  CARDEA_TRY(const auto sets, world_.database.key_ledger().card_keys(tenant.id));
  if (sets.empty() || sets.front().retired_at)
    return fail(Errc::not_found, "the organisation has no card keys in use");
  // What is irreversible is announced before it is done.
  CARDEA_CHECK(note(tenant.id, actor, kRetire, true,
                    fmt::format(R"({{"key_version":{},"check_values":"{}"}})", sets.front().key_version,
                                to_hex(sets.front().check_values))));
  CARDEA_CHECK(world_.database.key_ledger().retire_card_keys(tenant.id, world_.clock.now()));
  CARDEA_TRY(auto after, world_.database.key_ledger().card_keys(tenant.id));
  return std::move(after.front());
}

std::array<std::uint8_t, 10> diversification_data(std::uint32_t serial) {
  Bytes octets(4);
  append_be32(octets, serial);
  std::array<std::uint8_t, 10> out{};
  std::ranges::copy(octets, out.begin());
  return out;
}

Result<std::optional<card::gp::SecurityDomainKeys>> first_keys(World world, const store::CardRow& card) {
  // Nobody uses the card yet: what is looked at is the organisation's rows.
  CARDEA_CHECK(world.database.changes().check_card(card.id, {}));
  CARDEA_TRY(const auto sets, world.database.key_ledger().card_keys(card.organisation));
  if (sets.empty() || sets.front().retired_at) return std::optional<card::gp::SecurityDomainKeys>{};
  const auto settings = settings_of(sets.front());
  CARDEA_TRY(const auto algorithm, card_key_algorithm(settings));

  card::gp::SecurityDomainKeys out;
  out.protocol = settings.protocol;
  out.options = settings.options;
  out.version = settings.key_version;
  out.diversification = diversification_data(card.serial);
  out.make = [&vault = world.vault, organisation = card.organisation, id = card.id, algorithm,
              masters = keyring::masters_of(sets.front()), scheme = settings.scheme,
              data = out.diversification](std::uint8_t identifier, card::KeySlot slot) {
    const auto& master = masters.size() == 1 ? masters.front() : masters.at(identifier - 1U);
    return vault.derive(organisation, id, slot, algorithm, master, {scheme, identifier, data});
  };
  return std::optional{std::move(out)};
}

}  // namespace cardea::service

#include "cardea/cms/piv/names.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "cardea/hex.h"

namespace cardea::cms::piv {

namespace {

constexpr std::array<KeyAlgorithmInfo, 5> kKeyAlgorithms{{
    {KeyAlgorithm::rsa2048, "rsa2048", "RSA-2048", true, 256},
    {KeyAlgorithm::rsa3072, "rsa3072", "RSA-3072", true, 384},
    {KeyAlgorithm::rsa4096, "rsa4096", "RSA-4096", true, 512},
    {KeyAlgorithm::p256, "p256", "ECC P-256", false, 32},
    {KeyAlgorithm::p384, "p384", "ECC P-384", false, 48},
}};

constexpr std::array<AdminAlgorithmInfo, 4> kAdminAlgorithms{{
    {AdminAlgorithm::tdes, "tdes", "3DES", 24, 8},
    {AdminAlgorithm::aes128, "aes128", "AES-128", 16, 16},
    {AdminAlgorithm::aes192, "aes192", "AES-192", 24, 16},
    {AdminAlgorithm::aes256, "aes256", "AES-256", 32, 16},
}};

constexpr std::array<std::string_view, 4> kPinPolicies{"default", "never", "once", "always"};
constexpr std::array<std::string_view, 4> kTouchPolicies{"default", "never", "always", "cached"};

template <class Table, class Predicate>
const typename Table::value_type* find_row(const Table& table, Predicate fits) {
  const auto it = std::find_if(table.begin(), table.end(), fits);
  return it == table.end() ? nullptr : &*it;
}

template <class Policy>
std::optional<Policy> policy_named(const std::array<std::string_view, 4>& names, std::string_view name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return std::nullopt;
  return static_cast<Policy>(it - names.begin());
}

constexpr std::uint8_t kFirstRetired = 0x82;
constexpr std::uint8_t kLastRetired = 0x95;
constexpr std::uint32_t kFirstRetiredTag = 0x5FC10D;

}  // namespace

const KeyAlgorithmInfo& info(KeyAlgorithm algorithm) {
  return *find_row(kKeyAlgorithms, [&](const auto& row) { return row.algorithm == algorithm; });
}

std::optional<KeyAlgorithm> key_algorithm_named(std::string_view name) {
  const auto* row = find_row(kKeyAlgorithms, [&](const auto& r) { return r.name == name; });
  if (row == nullptr) return std::nullopt;
  return row->algorithm;
}

std::optional<KeyAlgorithm> key_algorithm_of(std::uint8_t wire) {
  const auto* row =
      find_row(kKeyAlgorithms, [&](const auto& r) { return static_cast<std::uint8_t>(r.algorithm) == wire; });
  if (row == nullptr) return std::nullopt;
  return row->algorithm;
}

const AdminAlgorithmInfo& info(AdminAlgorithm algorithm) {
  return *find_row(kAdminAlgorithms, [&](const auto& row) { return row.algorithm == algorithm; });
}

std::optional<AdminAlgorithm> admin_algorithm_named(std::string_view name) {
  const auto* row = find_row(kAdminAlgorithms, [&](const auto& r) { return r.name == name; });
  if (row == nullptr) return std::nullopt;
  return row->algorithm;
}

std::optional<AdminAlgorithm> admin_algorithm_of(std::uint8_t wire) {
  if (wire == 0x00) return AdminAlgorithm::tdes;  // SP 800-78-4: 00 and 03 are the same algorithm
  const auto* row = find_row(kAdminAlgorithms,
                             [&](const auto& r) { return static_cast<std::uint8_t>(r.algorithm) == wire; });
  if (row == nullptr) return std::nullopt;
  return row->algorithm;
}

std::optional<PinPolicy> pin_policy_named(std::string_view name) {
  return policy_named<PinPolicy>(kPinPolicies, name);
}
std::optional<TouchPolicy> touch_policy_named(std::string_view name) {
  return policy_named<TouchPolicy>(kTouchPolicies, name);
}
std::string_view name(PinPolicy policy) {
  return kPinPolicies.at(static_cast<std::size_t>(policy));
}
std::string_view name(TouchPolicy policy) {
  return kTouchPolicies.at(static_cast<std::size_t>(policy));
}

std::optional<Slot> slot_named(std::string_view name) {
  const auto octets = from_hex(name);
  if (!octets || octets->size() != 1 || name.size() != 2) return std::nullopt;
  const std::uint8_t reference = octets->front();
  switch (reference) {
    case 0x9A:
      return Slot{reference, 0x5FC105};
    case 0x9C:
      return Slot{reference, 0x5FC10A};
    case 0x9D:
      return Slot{reference, 0x5FC10B};
    case 0x9E:
      return Slot{reference, 0x5FC101};
    default:
      break;
  }
  if (reference < kFirstRetired || reference > kLastRetired) return std::nullopt;
  return Slot{reference, kFirstRetiredTag + static_cast<std::uint32_t>(reference - kFirstRetired)};
}

bool is_retired(const Slot& slot) {
  return slot.reference >= kFirstRetired && slot.reference <= kLastRetired;
}

std::vector<Slot> all_slots() {
  std::vector<Slot> out{*slot_named("9A"), *slot_named("9C"), *slot_named("9D"), *slot_named("9E")};
  for (unsigned reference = kFirstRetired; reference <= kLastRetired; ++reference)
    out.push_back({static_cast<std::uint8_t>(reference), kFirstRetiredTag + (reference - kFirstRetired)});
  return out;
}

std::string name(const Slot& slot) {
  const std::array<std::uint8_t, 1> octet{slot.reference};
  return to_hex(octet);
}

std::string object_name(std::uint32_t tag) {
  switch (tag) {
    case tag::kCcc:
      return "card capability container";
    case tag::kChuid:
      return "CHUID";
    case tag::kDiscovery:
      return "discovery object";
    case tag::kKeyHistory:
      return "key history";
    case 0x5FC105:
      return "certificate of 9A";
    case 0x5FC10A:
      return "certificate of 9C";
    case 0x5FC10B:
      return "certificate of 9D";
    case 0x5FC101:
      return "certificate of 9E";
    default:
      break;
  }
  if (tag >= kFirstRetiredTag && tag <= kFirstRetiredTag + (kLastRetired - kFirstRetired)) {
    const auto reference = static_cast<std::uint8_t>(kFirstRetired + (tag - kFirstRetiredTag));
    return "certificate of " + name(Slot{reference, tag});
  }
  Bytes octets;
  append_be32(octets, tag);
  return "object " + to_hex(octets);
}

}  // namespace cardea::cms::piv

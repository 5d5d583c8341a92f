#include "piv/key_load.h"

#include <algorithm>

#include "engine/error_map.h"
#include "piv/factory.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace sw = apdu::sw;

namespace {

enum Element : std::uint32_t {
  kSymmetric = 0x80,
  kModulus = 0x81,
  kExponent = 0x82,
  kPrime1 = 0x83,
  kPrime2 = 0x84,
  kExponent1 = 0x85,
  kExponent2 = 0x86,
  kCoefficient = 0x87,
  kPoint = 0x88,
  kScalar = 0x89,
};
constexpr Element kRsaPrivate[] = {kPrime1, kPrime2, kExponent1, kExponent2, kCoefficient};
constexpr std::size_t kExponentSize = 3;  // 010001, the only one

/// Without the zeroes in front that are more than `size` octets.
BytesView trimmed(BytesView number, std::size_t size) {
  while (number.size() > size && number.front() == 0)
    number = number.subspan(1);
  return number;
}

}  // namespace

/// Octets of an element; 0 for one that such keys do not have.
std::size_t KeyLoad::size_of(std::uint32_t tag) const {
  if (is_symmetric(algorithm_)) return tag == kSymmetric ? key_size(algorithm_) : 0;
  if (is_rsa(algorithm_)) {
    if (tag == kModulus) return field_size(algorithm_);
    if (tag == kExponent) return kExponentSize;
    return tag >= kPrime1 && tag <= kCoefficient ? field_size(algorithm_) / 2 : 0;
  }
  if (tag == kPoint) return point_size(algorithm_);
  return tag == kScalar ? field_size(algorithm_) : 0;
}

CardResult<void> KeyLoad::add(std::uint32_t tag, BytesView value) {
  if (tag == kCertificateElement) return refuse(sw::kFunctionNotSupported);
  const auto size = tag >= kFirstTag && tag < kFirstTag + kElements ? size_of(tag) : 0;
  const auto octets = trimmed(value, size);
  if (size == 0 || octets.size() != size) return refuse(sw::kWrongData);
  elements_.at(tag - kFirstTag) = SecretBytes{octets};
  return {};
}

bool KeyLoad::complete() const {
  if (is_symmetric(algorithm_)) return has(kSymmetric);
  if (is_rsa(algorithm_)) return std::ranges::all_of(kRsaPrivate, [this](auto tag) { return has(tag); });
  return has(kScalar);
}

bool KeyLoad::agrees_with(const PublicKey& key) const {
  const auto agrees = [this](Element said, BytesView is) {
    return !has(said) || equal(element(said).expose(), is);
  };
  return agrees(kModulus, key.modulus) && agrees(kExponent, key.exponent) && agrees(kPoint, key.point);
}

bool KeyLoad::is_factory_management_key() const {
  return reference_ == kManagementKey &&
         piv::is_factory_management_key(algorithm_, element(kSymmetric).expose());
}

CardResult<KeyHandle> KeyLoad::import(KeyVault& vault, KeySlot slot) const {
  if (is_symmetric(algorithm_)) return lift(vault.import_symmetric(slot, algorithm_, element(kSymmetric)));
  if (!is_rsa(algorithm_)) return lift(vault.import_ec(slot, algorithm_, element(kScalar)));
  const RsaPrivateParts parts{element(kPrime1).clone(), element(kPrime2).clone(), element(kExponent1).clone(),
                              element(kExponent2).clone(), element(kCoefficient).clone()};
  return lift(vault.import_rsa(slot, algorithm_, parts));
}

std::uint16_t KeyLoad::present() const {
  unsigned out = 0;
  for (std::size_t i = 0; i < kElements; ++i)
    out |= (elements_.at(i).empty() ? 0U : 1U) << i;
  return static_cast<std::uint16_t>(out);
}

std::optional<std::vector<apdu::Tlv>> read_elements(BytesView data) {
  constexpr std::uint32_t kSequence = 0x30;
  const auto outer = apdu::read_tlv(data);
  if (!outer || outer->tag != kSequence || outer->whole.size() != data.size()) return std::nullopt;
  return apdu::read_tlvs(outer->value);
}

}  // namespace cardea::card::piv

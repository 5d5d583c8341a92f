#include <algorithm>
#include <array>
#include <vector>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"
#include "gp/issuer.h"
#include "piv/card_record.h"

namespace cardea::card::gp {

namespace {

enum Tag : std::uint16_t {
  kIssuerIdentification = 0x42,
  kCardImage = 0x45,
  kCardData = 0x66,
  kCounter = 0xC1,
  kDiversification = 0xCF,
  kKeyInformation = 0xE0,
  kProduction = 0x9F7F,
};

// Card Specification 2.3.1, H.2 and H.3: card recognition data. {globalPlatform} is 1.2.840.114283.
constexpr auto kGlobalPlatform = "06072A864886FC6B01"_hex;
constexpr auto kVersion231 = "600C060A2A864886FC6B02020301"_hex;
constexpr auto kUniqueIdentification = "630906072A864886FC6B03"_hex;
constexpr std::uint8_t kIdentifiers[] = {1, 2, 3};  // ENC, MAC, DEK
constexpr auto kProtocolOid = "2A864886FC6B04"_hex;

std::uint8_t key_type(Algorithm algorithm) {
  return algorithm == Algorithm::tdes ? 0x80 : 0x88;
}

/// As PUT KEY counts: two keys of triple DES.
std::uint8_t told_size(Algorithm algorithm) {
  return algorithm == Algorithm::tdes ? std::uint8_t{16} : static_cast<std::uint8_t>(key_size(algorithm));
}

}  // namespace

// Card Specification 2.3.1, 11.3 GET DATA: class 80 or 00, in a channel or not.
CardResult<Reply> Issuer::get_data(const Command& command) {
  if (!command.data.empty()) return refuse(sw::kWrongLength);
  const auto tag = static_cast<std::uint16_t>(command.p1 << 8U | command.p2);
  Bytes value;
  switch (tag) {
    case kProduction: {
      CARDEA_TRY(value, production_data());
      break;
    }
    case kKeyInformation: {
      CARDEA_TRY(value, key_information());
      break;
    }
    case kCounter: {
      CARDEA_TRY(value, sequence_counter());
      break;
    }
    case kIssuerIdentification:
    case kCardImage:
    case kDiversification:
    case kCardData: {
      CARDEA_TRY(const auto stored, lift(ports_.store.get(domain_data_id(tag))));
      if (stored) {
        value = *stored;
      } else if (tag == kCardData) {
        CARDEA_TRY(value, recognition_data());
      }
      break;
    }
    default:
      break;
  }
  if (value.empty()) return refuse(sw::kReferencedDataNotFound);
  return Reply{apdu::make_tlv(tag, value)};
}

/// Which protocols there are keys for.
CardResult<Bytes> Issuer::recognition_data() {
  CARDEA_TRY(const auto sets, lift(domain_.keys().list()));
  Bytes inside = concat({kGlobalPlatform, kVersion231, kUniqueIdentification});
  std::vector<Bytes> protocols;
  for (const auto& set : sets) {
    Bytes oid = to_bytes(kProtocolOid);
    oid.push_back(static_cast<std::uint8_t>(set.record.protocol));
    oid.push_back(set.record.options);
    if (std::ranges::find(protocols, oid) == protocols.end()) protocols.push_back(std::move(oid));
  }
  for (const auto& oid : protocols)
    apdu::append_tlv(inside, 0x64, apdu::make_tlv(0x06, oid));
  return apdu::make_tlv(0x73, inside);
}

// 11.3.3.1: identifier, version, type and length of each key.
CardResult<Bytes> Issuer::key_information() {
  CARDEA_TRY(const auto sets, lift(domain_.keys().list()));
  Bytes out;
  for (const auto& set : sets) {
    for (const auto identifier : kIdentifiers) {
      apdu::append_tlv(out, 0xC0,
                       std::array{identifier, set.version, key_type(set.record.algorithm),
                                  told_size(set.record.algorithm)});
    }
  }
  return out;
}

/// Of the keys that the channel was opened with, else of those that a host gets who names none. Nothing for
/// keys whose sessions are not numbered.
CardResult<Bytes> Issuer::sequence_counter() {
  CARDEA_TRY(const auto set, lift(domain_.keys().entry(domain_.key_version())));
  if (!set) return Bytes{};
  KeySet keys;
  keys.protocol = set->record.protocol;
  keys.options = set->record.options;
  if (!numbered(keys)) return Bytes{};
  CARDEA_TRY(const auto counter, lift(StoredSequenceCounters{ports_.store}.current(set->version)));
  Bytes octets;
  append_be32(octets, counter);
  const std::ptrdiff_t unused = keys.protocol == Protocol::scp02 ? 2 : 1;
  octets.erase(octets.begin(), octets.begin() + unused);
  return octets;
}

// Card production life cycle data, 42 octets. A virtual card has a serial number and nothing else to tell of
// its production.
CardResult<Bytes> Issuer::production_data() {
  constexpr std::size_t kSize = 42;
  constexpr std::size_t kSerialAt = 12;
  CARDEA_TRY(const auto card, lift(piv::load_card_record(ports_.store)));
  Bytes serial;
  append_be32(serial, card.serial);
  Bytes out(kSize);
  std::ranges::copy(serial, out.begin() + kSerialAt);
  return out;
}

}  // namespace cardea::card::gp

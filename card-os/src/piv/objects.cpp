#include "piv/objects.h"

#include <algorithm>
#include <iterator>

#include "cardea/hex.h"

namespace cardea::card::piv {

namespace {

// The minimum capacities of SP 800-73-4 Part 1, table 7, rounded up: certificates of 3 KiB happen.
constexpr std::size_t kRoom = 4096;
constexpr std::size_t kCertificateRoom = 8192;
constexpr std::size_t kImageRoom = 16384;

// SP 800-73-4 Part 1, table 3 and appendix A; tags of one to three octets. The first row that fits holds.
constexpr ObjectRule kObjects[] = {
    {kDiscovery, kDiscovery, false, kRoom, "discovery object"},
    {kBiometricGroup, kBiometricGroup, false, kRoom, "biometric information group template"},
    {0x5FC101, 0x5FC101, false, kCertificateRoom, "certificate 9E"},
    {0x5FC102, 0x5FC102, false, kRoom, "card holder unique identifier"},
    {0x5FC103, 0x5FC103, true, kRoom, "fingerprints"},
    {0x5FC105, 0x5FC105, false, kCertificateRoom, "certificate 9A"},
    {0x5FC106, 0x5FC106, false, kCertificateRoom, "security object"},
    {0x5FC107, 0x5FC107, false, kRoom, "card capability container"},
    {0x5FC108, 0x5FC108, true, kImageRoom, "facial image"},
    {0x5FC109, 0x5FC109, true, kRoom, "printed information"},
    {0x5FC10A, 0x5FC10A, false, kCertificateRoom, "certificate 9C"},
    {0x5FC10B, 0x5FC10B, false, kCertificateRoom, "certificate 9D"},
    {0x5FC10C, 0x5FC10C, false, kRoom, "key history"},
    {0x5FC10D, 0x5FC120, false, kCertificateRoom, "retired certificate"},
    {0x5FC121, 0x5FC121, true, kImageRoom, "iris images"},
    {0x5FC122, 0x5FC122, false, kCertificateRoom, "secure messaging certificate signer"},
    {0x5FC123, 0x5FC123, true, kRoom, "pairing code reference"},
    {0x5FFF00, 0x5FFF00, false, kRoom, "Yubico administration data"},
    {kAttestationCertificate, kAttestationCertificate, false, kCertificateRoom,
     "Yubico attestation certificate"},
    {0x5FFF10, 0x5FFF10, false, kRoom, "Yubico MSCMAP"},
    {0x5FFF11, 0x5FFF15, false, kCertificateRoom, "Yubico MSROOTS"},
    // Not specified by anyone yet, and kept all the same: tools store their own data here.
    {0x5FC100, 0x5FC1FF, false, kRoom, "other data object"},
    {0x5FFF00, 0x5FFFFF, false, kRoom, "other data object"},
};

// SP 800-73-4 Part 1, 3.3.2: AID, then PIN usage policy 40 00, "the application PIN alone".
constexpr auto kDiscoveryObject = "7E12 4F0B A000000308000010000100 5F2F02 4000"_hex;

}  // namespace

const ObjectRule* find_object(std::uint32_t tag) {
  const auto* const found = std::ranges::find_if(
      kObjects, [tag](const ObjectRule& rule) { return tag >= rule.first_tag && tag <= rule.last_tag; });
  return found == std::end(kObjects) ? nullptr : found;
}

BytesView discovery_object() {
  return kDiscoveryObject;
}

}  // namespace cardea::card::piv

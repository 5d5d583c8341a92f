#pragma once

#include <cstdint>
#include <variant>

#include "cardea/bytes.h"
#include "cardea/pcsc_link/vocabulary.h"

namespace cardea::winscard {

using pcsc_link::Code;
namespace code = pcsc_link::code;

/// SCARD_ATTR_* of PC/SC part 3: class in the upper half, tag in the lower.
namespace attribute {
inline constexpr std::uint32_t kVendorName = 0x00010100;
inline constexpr std::uint32_t kVendorIfdType = 0x00010101;
inline constexpr std::uint32_t kVendorIfdVersion = 0x00010102;
inline constexpr std::uint32_t kVendorIfdSerialNumber = 0x00010103;
inline constexpr std::uint32_t kChannelId = 0x00020110;
inline constexpr std::uint32_t kAsyncProtocolTypes = 0x00030120;
inline constexpr std::uint32_t kCharacteristics = 0x00060150;
inline constexpr std::uint32_t kMaxInput = 0x0007A007;
inline constexpr std::uint32_t kCurrentProtocolType = 0x00080201;
inline constexpr std::uint32_t kIccPresence = 0x00090300;
inline constexpr std::uint32_t kIccInterfaceStatus = 0x00090301;
inline constexpr std::uint32_t kAtrString = 0x00090303;
inline constexpr std::uint32_t kIccTypePerAtr = 0x00090304;
inline constexpr std::uint32_t kDeviceUnit = 0x7FFF0001;
inline constexpr std::uint32_t kDeviceInUse = 0x7FFF0002;
inline constexpr std::uint32_t kDeviceFriendlyName = 0x7FFF0003;  ///< the A form
inline constexpr std::uint32_t kDeviceSystemName = 0x7FFF0004;    ///< the A form
}  // namespace attribute

/// A DWORD, whose size is the system's, or octets. Names have no terminator here; whether they get one, and
/// which characters, is the exports' business.
using Attribute = std::variant<Bytes, std::uint32_t>;

/// An attribute of a reader in this state. Codes: kUnsupportedFeature, kNotTransacted.
Code attribute_of(const pcsc_link::ReaderRecord& reader, std::uint32_t id, Attribute& out);

}  // namespace cardea::winscard

#include "cardea/winscard/attributes.h"

#include <charconv>
#include <string_view>

namespace cardea::winscard {

namespace {

using pcsc_link::ReaderRecord;
namespace reader_state = pcsc_link::reader_state;

constexpr std::string_view kVendor = "Cardea";
constexpr std::uint32_t kVersion =
    0x00010000;  // major 8 bits, minor 8, build 16 in PC/SC; as the IFD handler
constexpr std::uint32_t kLargestCommand = 65544;

Bytes octets(std::string_view text) {
  return to_bytes(as_bytes(text));
}

Bytes one(std::uint8_t value) {
  return {value};
}

/// The number at the end of a reader's name.
std::uint32_t unit_of(const std::string& name) {
  const auto digits = name.find_last_not_of("0123456789") + 1;
  std::uint32_t unit = 0;
  std::from_chars(name.data() + digits, name.data() + name.size(), unit);
  return unit;
}

}  // namespace

Code attribute_of(const ReaderRecord& reader, std::uint32_t id, Attribute& out) {
  const bool present = (reader.state & reader_state::kPresent) != 0;
  const bool powered = (reader.state & reader_state::kPowered) != 0;
  switch (id) {
    case attribute::kVendorName:
    case attribute::kVendorIfdType:
      out = octets(kVendor);
      break;
    case attribute::kVendorIfdVersion:
      out = kVersion;
      break;
    case attribute::kChannelId:
    case attribute::kCharacteristics:
      out = std::uint32_t{0};
      break;
    case attribute::kAsyncProtocolTypes:
      out = pcsc_link::protocol::kT0 | pcsc_link::protocol::kT1;
      break;
    case attribute::kCurrentProtocolType:
      out = reader.protocol;
      break;
    case attribute::kMaxInput:
      out = kLargestCommand;
      break;
    case attribute::kIccPresence:
      out = one(present ? 2 : 0);
      break;
    case attribute::kIccInterfaceStatus:
      out = one(powered ? 0xFF : 0);
      break;
    case attribute::kIccTypePerAtr:
      out = one(present ? 1 : 0);  // ISO/IEC 7816, asynchronous
      break;
    case attribute::kAtrString:
      if (!powered || reader.atr.empty()) return code::kNotTransacted;
      out = reader.atr;
      break;
    case attribute::kDeviceUnit:
      out = unit_of(reader.name);
      break;
    case attribute::kDeviceInUse:
      out = one(reader.sharing == 0 ? 0 : 1);
      break;
    case attribute::kDeviceFriendlyName:
    case attribute::kDeviceSystemName:
      out = octets(reader.name);
      break;
    default:
      return code::kUnsupportedFeature;
  }
  return code::kSuccess;
}

}  // namespace cardea::winscard

#include "cardea/apdu/class_byte.h"

namespace cardea::apdu {

namespace {

constexpr std::uint8_t kChainingBit = 0x10;

SecureMessaging two_bit_indication(std::uint8_t cla) {
  switch (cla & 0x0CU) {
    case 0x04:
      return SecureMessaging::proprietary;
    case 0x08:
      return SecureMessaging::header_not_processed;
    case 0x0C:
      return SecureMessaging::header_authenticated;
    default:
      return SecureMessaging::none;
  }
}

}  // namespace

std::uint8_t ClassByte::without_chaining() const {
  return static_cast<std::uint8_t>(value & ~kChainingBit);
}

std::optional<ClassByte> parse_class_byte(std::uint8_t cla) {
  if (cla == 0xFF) return std::nullopt;
  ClassByte out;
  out.value = cla;
  out.chaining = (cla & kChainingBit) != 0;
  out.interindustry = (cla & 0x80U) == 0;
  const std::uint8_t range = cla & 0xE0U;
  if (range == 0x20) return std::nullopt;
  if (range == 0x40 || range == 0x60) {
    // Further interindustry values: channels 4 to 19, one bit for secure messaging.
    out.channel = static_cast<std::uint8_t>(4U + (cla & 0x0FU));
    if ((cla & 0x20U) != 0) out.secure_messaging = SecureMessaging::header_not_processed;
    return out;
  }
  // First interindustry values, and GlobalPlatform's proprietary ones, which have the same bits.
  out.channel = static_cast<std::uint8_t>(cla & 0x03U);
  out.secure_messaging = two_bit_indication(cla);
  return out;
}

}  // namespace cardea::apdu

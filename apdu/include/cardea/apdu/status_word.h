#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace cardea::apdu {

/// SW1-SW2, the trailer of a response (ISO/IEC 7816-4, 5.1.3).
///
/// A class and not an enumeration: any card may return any word.
class [[nodiscard]] StatusWord {
 public:
  explicit constexpr StatusWord(std::uint16_t value) : value_{value} {}
  constexpr StatusWord(std::uint8_t sw1, std::uint8_t sw2)
      : value_{static_cast<std::uint16_t>((sw1 << 8U) | sw2)} {}

  [[nodiscard]] constexpr std::uint16_t value() const { return value_; }
  [[nodiscard]] constexpr std::uint8_t sw1() const { return static_cast<std::uint8_t>(value_ >> 8U); }
  [[nodiscard]] constexpr std::uint8_t sw2() const { return static_cast<std::uint8_t>(value_ & 0xFFU); }

  friend constexpr bool operator==(StatusWord, StatusWord) = default;

 private:
  std::uint16_t value_;
};

/// The word in four hexadecimal digits and its name: "6982 security status not satisfied".
std::string describe(StatusWord word);

/// The words this project gives a name to (ISO/IEC 7816-4 table 6 and its neighbours).
namespace sw {
inline constexpr StatusWord kOk{0x9000};
inline constexpr StatusWord kSelectedFileInvalidated{0x6283};
inline constexpr StatusWord kVerificationFailed{0x6300};
inline constexpr StatusWord kMemoryFailure{0x6581};
inline constexpr StatusWord kWrongLength{0x6700};
inline constexpr StatusWord kLogicalChannelNotSupported{0x6881};
inline constexpr StatusWord kSecureMessagingNotSupported{0x6882};
inline constexpr StatusWord kLastOfChainExpected{0x6883};
inline constexpr StatusWord kChainingNotSupported{0x6884};
inline constexpr StatusWord kSecurityNotSatisfied{0x6982};
inline constexpr StatusWord kAuthBlocked{0x6983};
inline constexpr StatusWord kReferenceDataUnusable{0x6984};
inline constexpr StatusWord kConditionsNotSatisfied{0x6985};
inline constexpr StatusWord kWrongData{0x6A80};
inline constexpr StatusWord kFunctionNotSupported{0x6A81};
inline constexpr StatusWord kNotFound{0x6A82};
inline constexpr StatusWord kNoMemory{0x6A84};
inline constexpr StatusWord kWrongP1P2{0x6A86};
inline constexpr StatusWord kReferencedDataNotFound{0x6A88};
inline constexpr StatusWord kInsNotSupported{0x6D00};
inline constexpr StatusWord kClaNotSupported{0x6E00};
inline constexpr StatusWord kUnspecified{0x6F00};

/// 63CX. A count above 15 saturates: the nibble cannot carry more.
constexpr StatusWord tries_left(unsigned n) {
  return StatusWord{static_cast<std::uint16_t>(0x63C0U | std::min(n, 15U))};
}

/// 61XX: that many octets are still there for GET RESPONSE; 00 stands for 256 or more.
constexpr StatusWord more_data(std::size_t n) {
  return StatusWord{static_cast<std::uint16_t>(0x6100U | (n < 256 ? n : 0U))};
}
}  // namespace sw

}  // namespace cardea::apdu

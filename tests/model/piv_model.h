#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cardea/bytes.h"
#include "op.h"

namespace cardea::model {

// PIN, PUK and management key values that the conversations use; the first of each is the factory's.
inline constexpr std::array<const char*, 3> kPins{"313233343536FFFF", "363534333231FFFF", "3131313131313131"};
inline constexpr std::array<const char*, 3> kPuks{"3132333435363738", "3837363534333231", "3939393939393939"};
inline constexpr std::array<const char*, 3> kManagementKeys{
    "010203040506070801020304050607080102030405060708", "112233445566778821324354657687980102030405060708",
    "A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8"};
/// CHUID, a certificate, and printed information, which is behind the PIN.
inline constexpr std::array<const char*, 3> kObjects{"5FC102", "5FC105", "5FC109"};
/// PIN once, PIN always, no PIN.
inline constexpr std::array<const char*, 3> kSlots{"9A", "9C", "9E"};

/// What a card of the Yubico profile is expected to answer, by the rules of card edges and nothing else: no
/// APDUs, no storage, no cryptography.
class PivModel {
 public:
  /// Status words that are right, in hexadecimal, and the data if it is known: "9000", "6A80|6982".
  struct Expected {
    std::string words;
    std::optional<std::string> data;
  };

  Expected apply(const Op& op);

 private:
  struct Reference {
    std::uint8_t value = 0;
    unsigned left = 3, max = 3;
    unsigned version = 1;
    bool factory = true;
  };
  struct Session {
    std::optional<unsigned> verified;  // version of the PIN
    bool fresh = false;
    std::optional<unsigned> administrator;  // version of the key
    std::string pending;                    // hexadecimal
    bool chain = false;
  };

  Session& session() { return sessions_.at(current_); }
  [[nodiscard]] bool verified();
  [[nodiscard]] bool administrator();
  static bool present(Reference& reference, std::uint8_t value);
  static std::string refusal(const Reference& reference);
  static void replace(Reference& reference, std::uint8_t value);

  Expected references(const Op& op);
  Expected administration(const Op& op);
  Expected objects(const Op& op);
  Expected keys(const Op& op, bool was_fresh);
  [[nodiscard]] std::string object_hex(std::uint8_t which) const;

  Reference pin_, puk_;
  std::uint8_t management_key_ = 0;
  unsigned management_version_ = 1;
  std::map<std::uint8_t, std::uint8_t> objects_;  // which -> length of the value
  std::array<bool, 3> keys_{};
  std::array<Session, 2> sessions_{};
  std::size_t current_ = 0;
};

}  // namespace cardea::model

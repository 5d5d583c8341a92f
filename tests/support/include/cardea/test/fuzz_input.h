#pragma once

#include <cstdint>
#include <vector>

#include "cardea/bytes.h"

namespace cardea::test {

/// A conversation with a card in the form that the fuzz target of the whole card reads: one octet for the
/// profile, then events. An event is a 16-bit length and that many octets of command, or one of the lengths
/// below.
class FuzzInput {
 public:
  static constexpr std::uint16_t kPowerCycle = 0xFFFF;
  static constexpr std::uint16_t kFail = 0xFFFE;     ///< then: after how many steps; bit 8: crash
  static constexpr std::uint16_t kSession = 0xFFFD;  ///< then: which one
  static constexpr std::uint16_t kRandom = 0xFFFC;   ///< then: how many octets, and these

  explicit FuzzInput(bool yubico = true) : octets_{static_cast<std::uint8_t>(yubico ? 1 : 0)} {}

  /// Commands too long for the form are left out.
  void command(BytesView octets) {
    commands_.push_back(to_bytes(octets));
    if (octets.size() >= kRandom) return;
    append_be16(octets_, static_cast<std::uint16_t>(octets.size()));
    append(octets_, octets);
  }
  void power_cycle() { append_be16(octets_, kPowerCycle); }
  void fail(std::uint8_t after, bool crash) {
    append_be16(octets_, kFail);
    octets_.push_back(static_cast<std::uint8_t>((after & 0x7FU) | (crash ? 0x80U : 0U)));
  }
  void session(std::uint8_t number) {
    append_be16(octets_, kSession);
    octets_.push_back(number);
  }
  void random(BytesView octets) {
    append_be16(octets_, kRandom);
    octets_.push_back(static_cast<std::uint8_t>(octets.size()));
    append(octets_, octets.first(octets.size() & 0xFFU));
  }

  [[nodiscard]] const Bytes& octets() const { return octets_; }
  [[nodiscard]] const std::vector<Bytes>& commands() const { return commands_; }

 private:
  Bytes octets_;
  std::vector<Bytes> commands_;
};

}  // namespace cardea::test

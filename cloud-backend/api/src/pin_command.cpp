#include "cardea/api/pin_command.h"

#include <algorithm>
#include <utility>

#include "cardea/apdu/command.h"

namespace cardea::api {
namespace {

constexpr std::uint8_t kVerify = 0x20;
constexpr std::uint8_t kChange = 0x24;
constexpr std::uint8_t kResetCounter = 0x2C;
constexpr std::uint8_t kPuk = 0x81;
constexpr std::uint8_t kProprietary = 0x80;
constexpr std::uint8_t kChaining = 0x10;
constexpr std::size_t kHeader = 4;
/// Longer than any two PINs: no need to keep more of a chain to know that it is none.
constexpr std::size_t kLongestField = 255;

bool shows_a_pin(std::uint8_t cla, std::uint8_t ins) {
  if ((cla & kProprietary) != 0) return false;
  // ISO/IEC 7816-4, 5.4.1: secure messaging in bits 4 and 3 of the first interindustry class, in bit 6 of the
  // further one.
  const bool further = (cla & 0x40U) != 0;
  if (further ? (cla & 0x20U) != 0 : (cla & 0x0CU) != 0) return false;
  return ins == kVerify || ins == kChange || ins == kResetCounter;
}

/// Where the data field of a well-formed command begins.
std::size_t field_offset(const apdu::Command& command) {
  return kHeader + (command.extended ? 3 : 1);
}

ShownPins shown_by(const apdu::Command& command, SecretBytes field) {
  ShownPins shown{command.p2, 0, std::move(field)};
  if (command.ins == kChange) shown.new_reference = command.p2;
  if (command.ins == kResetCounter) {
    shown.reference = kPuk;
    shown.new_reference = command.p2;
  }
  return shown;
}

SecretBytes joined(BytesView a, BytesView b) {
  SecretBytes out(std::min(a.size() + b.size(), kLongestField));
  const auto space = out.expose();
  const auto first = std::min(a.size(), space.size());
  std::copy_n(a.begin(), first, space.begin());
  std::copy_n(b.begin(), space.size() - first, space.begin() + static_cast<std::ptrdiff_t>(first));
  return out;
}

}  // namespace

StrippedCommand PinStripper::strip(Bytes apdu) {
  auto command = apdu::parse_command(apdu);
  if (!command) {
    // The card will say 6700; whatever was meant to be a PIN stays here all the same.
    if (apdu.size() > kHeader && shows_a_pin(apdu[0], apdu[1])) wipe(std::span{apdu}.subspan(kHeader));
    return {std::move(apdu), std::nullopt};
  }
  const WipeOnExit wiped{command->data};
  if (!shows_a_pin(command->cla, command->ins)) {
    chain_.reset();
    return {std::move(apdu), std::nullopt};
  }
  // As the card does it: a part with another header begins anew, a last part with another header stands
  // alone.
  const std::array<std::uint8_t, 4> header{static_cast<std::uint8_t>(command->cla & ~kChaining), command->ins,
                                           command->p1, command->p2};
  auto begun = std::exchange(chain_, std::nullopt);
  if (begun && begun->header != header) begun.reset();
  auto field = joined(begun ? begun->field.expose() : BytesView{}, command->data);
  if (!command->data.empty()) wipe(std::span{apdu}.subspan(field_offset(*command), command->data.size()));

  StrippedCommand out{std::move(apdu), std::nullopt};
  if ((command->cla & kChaining) != 0) {
    chain_.emplace(Chain{header, std::move(field)});
    return out;
  }
  if (!field.empty()) out.shown = shown_by(*command, std::move(field));
  return out;
}

}  // namespace cardea::api

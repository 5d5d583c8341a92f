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
constexpr std::uint8_t kMessaging = 0x0C;
constexpr std::size_t kHeader = 4;
/// Longer than any two PINs: no need to keep more of a chain to know that it is none.
constexpr std::size_t kLongestField = 255;

/// The three, and what ISO/IEC 7816-4 has beside them: the same with data objects, for which bit 1 is set.
bool takes_a_pin(std::uint8_t ins) {
  const auto even = ins & 0xFEU;
  return even == kVerify || even == kChange || even == kResetCounter;
}

/// Whether this is a command that can be proven instead of sent.
bool shows_a_pin(std::uint8_t cla, std::uint8_t ins) {
  if ((cla & kProprietary) != 0 || (ins & 1U) != 0) return false;
  // ISO/IEC 7816-4, 5.4.1: secure messaging in bits 4 and 3 of the first interindustry class, in bit 6 of the
  // further one.
  const bool further = (cla & 0x40U) != 0;
  return further ? (cla & 0x20U) == 0 : (cla & 0x0CU) == 0;
}

/// Where the data field of a well-formed command begins.
std::size_t field_offset(const apdu::Command& command) {
  return kHeader + (command.extended ? 3 : 1);
}

void wipe_field(Bytes& apdu, const apdu::Command& command) {
  if (!command.data.empty()) wipe(std::span{apdu}.subspan(field_offset(command), command.data.size()));
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

void PinStripper::reset() {
  chain_.reset();
  channels_.reset();
}

/// What the parts before this one have left, or a new beginning. As the card does it: a part with another
/// header begins anew, a last part with another header stands alone.
PinStripper::Chain PinStripper::begun_before(const apdu::Command& command) {
  const std::array<std::uint8_t, 4> header{static_cast<std::uint8_t>(command.cla & ~kChaining), command.ins,
                                           command.p1, command.p2};
  auto begun = std::exchange(chain_, std::nullopt);
  if (begun && begun->header == header) return *std::move(begun);
  return {header, {}};
}

StrippedCommand PinStripper::strip(Bytes apdu) {
  auto command = apdu::parse_command(apdu);
  if (!command) {
    // The card will say 6700; whatever was meant to be a PIN stays here all the same.
    if (apdu.size() > kHeader && takes_a_pin(apdu[1])) wipe(std::span{apdu}.subspan(kHeader));
    return {std::move(apdu), std::nullopt};
  }
  const WipeOnExit wiped{command->data};
  channels_.sent(*command);
  if (!takes_a_pin(command->ins)) {
    chain_.reset();
    return {std::move(apdu), std::nullopt};
  }
  return shows_a_pin(command->cla, command->ins) ? show(std::move(apdu), *command)
                                                 : guard(std::move(apdu), *command);
}

StrippedCommand PinStripper::show(Bytes apdu, const apdu::Command& command) {
  auto chain = begun_before(command);
  chain.field = joined(chain.field.expose(), command.data);
  wipe_field(apdu, command);

  StrippedCommand out{std::move(apdu), std::nullopt};
  if ((command.cla & kChaining) != 0) {
    chain_ = std::move(chain);
    return out;
  }
  if (!chain.field.empty()) out.shown = shown_by(command, std::move(chain.field));
  return out;
}

/// A part that could have been made by a channel goes with those before it or not at all: zeroes in one part
/// are zeroes in all that follow.
StrippedCommand PinStripper::guard(Bytes apdu, const apdu::Command& command) {
  auto chain = begun_before(command);
  chain.field = joined(chain.field.expose(), command.data);
  if (!command.data.empty() && (chain.withheld || !channels_.made(command, chain.field.expose()))) {
    chain.withheld = true;
    wipe_field(apdu, command);
  }
  // Here alone the card would take the zeroes for what they stand for.
  const bool plain = (command.cla & kProprietary) != 0 && (command.cla & kMessaging) == 0;
  StrippedCommand out{std::move(apdu), std::nullopt};
  if (chain.withheld && plain && channels_.open_without_protection()) out.answer = Bytes{0x69, 0x82};
  if ((command.cla & kChaining) != 0) chain_ = std::move(chain);
  return out;
}

}  // namespace cardea::api

#include "cardea/api/channel_watch.h"

#include <utility>

#include "cardea/apdu/class_byte.h"
#include "cardea/api/pin_form.h"

namespace cardea::api {
namespace {

constexpr std::uint8_t kInitializeUpdate = 0x50;
constexpr std::uint8_t kExternalAuthenticate = 0x82;
constexpr std::uint8_t kGeneralAuthenticate = 0x87;
constexpr std::uint8_t kSelect = 0xA4;
constexpr std::uint8_t kSecureMessagingKey = 0x04;
constexpr std::uint8_t kCommandEncryption = 0x02;
constexpr std::size_t kMac = 8;

/// In a channel of GlobalPlatform: 80 50 and 84 82, or the other way round.
bool is_opening(const apdu::Command& command) {
  const bool of_both = command.ins == kInitializeUpdate || command.ins == kExternalAuthenticate;
  return of_both && (command.cla == 0x80 || command.cla == 0x84);
}

bool succeeded(BytesView response) {
  if (response.size() < 2) return false;
  const auto word = response.last(2);
  return word[0] == 0x61 || (word[0] == 0x90 && word[1] == 0x00);
}

enum class Fit : std::uint8_t { no, so_far, whole };

/// Tag, and which lengths the value may have.
struct Expected {
  std::uint8_t tag;
  bool (*fits)(std::size_t size);
};

/// Longer than two passcodes, and short enough for all three objects to be within what is kept of a chain.
constexpr std::size_t kLongestCryptogram = 224;

/// Padding indicator and cryptogram, expected length, MAC: in this order, and the first two not always (SP
/// 800-73-4 Part 2, 4.2.2).
constexpr Expected kObjects[] = {
    {0x87,
     [](std::size_t size) { return size > 1 && size <= 1 + kLongestCryptogram && (size - 1) % 16 == 0; }},
    {0x97, [](std::size_t size) { return size == 1 || size == 2; }},
    {0x8E, [](std::size_t size) { return size == kMac; }},
};
constexpr std::uint8_t kCryptogram = 0x87;
constexpr std::uint8_t kPadded = 0x01;

struct Head {
  std::size_t size = 0;   ///< of tag and length
  std::size_t value = 0;  ///< announced
};

/// Nothing where there is none, or not enough of it.
std::optional<Head> head_of(BytesView octets) {
  if (octets.size() < 2) return std::nullopt;
  if (octets[1] < 0x80) return Head{2, octets[1]};
  const std::size_t more = octets[1] & 0x7FU;
  if (more == 0 || more > 2 || octets.size() < 2 + more) return std::nullopt;
  Head out{2 + more, 0};
  for (std::size_t i = 0; i < more; ++i)
    out.value = out.value << 8U | octets[2 + i];
  return out;
}

/// Whether this is the beginning, or all, of what ISO's secure messaging makes of a data field. No PIN is:
/// tag and length come first, and the rest of a value that was begun is taken for what it says it is.
Fit fit(BytesView rest) {
  for (const auto& object : kObjects) {
    if (rest.empty()) return Fit::so_far;
    if (rest[0] != object.tag) continue;
    const auto head = head_of(rest);
    if (!head) return rest.size() < 4 ? Fit::so_far : Fit::no;
    if (!object.fits(head->value)) return Fit::no;
    const bool shown = rest.size() > head->size;
    if (object.tag == kCryptogram && shown && rest[head->size] != kPadded) return Fit::no;
    if (rest.size() < head->size + head->value) return Fit::so_far;
    rest = rest.subspan(head->size + head->value);
    if (object.tag == kObjects[2].tag) return rest.empty() ? Fit::whole : Fit::no;
  }
  return Fit::no;
}

}  // namespace

void ChannelWatch::sent(const apdu::Command& command) {
  awaited_.reset();
  const bool chaining = (command.cla & 0x10U) != 0;
  const bool agrees_on_keys =
      command.ins == kGeneralAuthenticate && command.p2 == kSecureMessagingKey && !chaining;
  if (is_opening(command)) {
    level_.reset();  // whatever it is answered
  } else if (command.ins != kSelect && !agrees_on_keys) {
    return;
  }
  awaited_ = Awaited{command.ins, command.p1};
}

void ChannelWatch::answered(BytesView response) {
  const auto asked = std::exchange(awaited_, std::nullopt);
  if (!asked || !succeeded(response)) return;
  constexpr std::size_t kProtocol = 11;  // after diversification data and key version
  switch (asked->ins) {
    case kInitializeUpdate:
      blocks_of_16_ = response.size() > kProtocol && response[kProtocol] == 0x03;
      break;
    case kExternalAuthenticate:
      level_ = asked->p1;
      break;
    case kGeneralAuthenticate:
      messaging_ = true;
      break;
    default:
      level_.reset();  // a SELECT that succeeds ends it, and leaves PIV's secure messaging to PIV
  }
}

bool ChannelWatch::made(const apdu::Command& command, BytesView whole) const {
  const auto class_byte = apdu::parse_class_byte(command.cla);
  if (!class_byte) return false;
  switch (class_byte->secure_messaging) {
    case apdu::SecureMessaging::proprietary:
      return made_by_global_platform(command.data);
    case apdu::SecureMessaging::header_authenticated: {
      const auto found = fit(whole);
      return messaging_ && (found == Fit::whole || (found == Fit::so_far && class_byte->chaining));
    }
    default:
      return false;
  }
}

/// Data, encrypted in whole blocks or as it is, and a MAC. What of it looks like a decimal PIN is one: in
/// octets as random as these it is not to be found.
bool ChannelWatch::made_by_global_platform(BytesView field) const {
  if (!level_ || *level_ == 0 || field.size() < kMac) return false;
  const bool encrypted = (*level_ & kCommandEncryption) != 0;
  const auto body = field.first(field.size() - kMac);
  if (can_be_pin(PinForm::decimal, field.last(kMac))) return false;
  if (!encrypted) return true;
  if (body.size() % (blocks_of_16_ ? 16 : 8) != 0) return false;
  for (std::size_t at = 0; at < body.size(); at += kPaddedPinSize) {
    if (can_be_pin(PinForm::decimal, body.subspan(at, kPaddedPinSize))) return false;
  }
  return true;
}

}  // namespace cardea::api

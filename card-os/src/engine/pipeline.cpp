#include "engine/pipeline.h"

#include <algorithm>
#include <utility>

#include "cardea/apdu/class_byte.h"
#include "cardea/apdu/response.h"
#include "cardea/secret.h"

namespace cardea::card {

namespace {

constexpr std::uint8_t kManageChannel = 0x70;
constexpr std::uint8_t kSelect = 0xA4;
constexpr std::uint8_t kGetResponse = 0xC0;
constexpr std::string_view kPartOfChain = "(part of a chain)";
constexpr std::size_t kShortResponse = 256;
constexpr std::size_t kExtendedResponse = 65536;

Outcome only(apdu::StatusWord word, std::string_view command = {}, Effect effect = Effect::pure) {
  return {Bytes{word.sw1(), word.sw2()}, effect, command};
}

/// How much response data the caller takes. Without Le there is still an answer: over T=1 a case 3 command
/// gets the data it did not ask for, and several clients count on it.
std::size_t response_limit(const Command& command) {
  return command.le.value_or(command.extended ? kExtendedResponse : kShortResponse);
}

// 81 to FE without GlobalPlatform's 8X (and 9X, the same with the chaining bit) are nobody's.
bool known_class(std::uint8_t cla) {
  return cla < 0xA0;
}

// ISO/IEC 7816-4, 11.1.2. There is the basic channel only: 6A81, "function not supported".
Step manage_channel(const Command& command) {
  const bool open = command.p1 == 0x00 && command.p2 == 0x00;
  const bool close = command.p1 == 0x80;
  return {refuse(open || close ? sw::kFunctionNotSupported : sw::kWrongP1P2), Effect::pure, "MANAGE CHANNEL"};
}

}  // namespace

Pipeline::Pipeline(std::vector<std::unique_ptr<Applet>> applets, std::optional<Manager> manager)
    : applets_{std::move(applets)}, manager_{manager} {}

void Pipeline::reset() noexcept {
  for (const auto& applet : applets_)
    applet->deselect();
  selected_ = 0;
  instance_.reset();
  chain_.clear();
  pending_.clear();
}

Outcome Pipeline::transmit(BytesView octets, const PinInput* pins) {
  auto parsed = apdu::parse_command(octets);
  if (!parsed) return only(parsed.error());  // not a command: nothing has happened
  auto& command = *parsed;
  const WipeOnExit wipe_data{command.data};

  if (const auto settled = leave_what_is_gone(); !settled)
    return only(settled.error(), {}, Effect::effectful);
  const auto class_byte = check_class(command);
  if (!class_byte) {
    chain_.clear();
    pending_.clear();
    selected().begin_command(pins);
    return only(class_byte.error());
  }
  if (command.ins == kGetResponse && class_byte->interindustry && !class_byte->chaining &&
      class_byte->secure_messaging == apdu::SecureMessaging::none) {
    return get_response(command);
  }
  pending_.clear();  // ISO/IEC 7816-4, 5.3.4: only GET RESPONSE may follow
  if (!class_byte->chaining) selected().begin_command(pins);
  return protected_step(command, *class_byte);
}

/// In a secure channel of GlobalPlatform each command, also each part of a chain, loses its protection before
/// anything else happens to it, and its answer gets one. Under ISO's secure messaging a command that is too
/// long is protected first and cut into parts then (SP 800-73-4 Part 2, 4.2.6): they are joined before. All
/// that goes on while there is a channel is for this session alone.
Outcome Pipeline::protected_step(Command& command, const apdu::ClassByte& class_byte) {
  constexpr std::string_view kName = "(secure channel)";
  const bool cut =
      class_byte.secure_messaging == apdu::SecureMessaging::header_authenticated && !in_channel();
  if (cut) {
    const auto joined = class_byte.chaining ? chain_.add(command) : chain_.finish(command);
    if (!joined) return only(selected().protection()->not_joined(), kName, Effect::effectful);
    if (class_byte.chaining) return only(sw::kOk, kPartOfChain, Effect::effectful);
  }
  auto* const channel = protection_of(command, class_byte);
  const bool secured = channel != nullptr || in_channel();
  if (channel != nullptr) {
    auto plain = channel->unwrap(command);
    if (!plain) {
      chain_.clear();
      return only(plain.error(), kName, Effect::effectful);
    }
    wipe(command.data);
    command = *std::move(plain);
  }
  auto step = class_byte.chaining ? collect(command) : complete(command);
  if (secured) step.effect = Effect::effectful;
  auto response = step.result ? apdu::Response{std::move(step.result->data), step.result->sw}
                              : apdu::Response{{}, step.result.error()};
  if (channel != nullptr) response = channel->wrap(std::move(response));
  pending_effect_ = step.effect;
  return {pending_.begin(std::move(response.data), response_limit(command), response.sw), step.effect,
          step.command};
}

CardResult<apdu::ClassByte> Pipeline::check_class(const Command& command) {
  const auto parsed = apdu::parse_class_byte(command.cla);
  if (!parsed || !known_class(command.cla)) return refuse(sw::kClaNotSupported);
  if (parsed->secure_messaging != apdu::SecureMessaging::none) {
    const auto* const channel = selected().protection();
    if (channel == nullptr || !(channel->expects(parsed->secure_messaging) || channel->opens(command)))
      return refuse(sw::kSecureMessagingNotSupported);
  }
  if (parsed->channel != 0) return refuse(sw::kLogicalChannelNotSupported);
  return *parsed;
}

/// The secure channel that the command has to come out of; null for what does not belong there.
Protection* Pipeline::protection_of(const Command& command, const apdu::ClassByte& class_byte) {
  auto* const channel = selected().protection();
  if (channel == nullptr || channel->opens(command)) return nullptr;
  if (class_byte.secure_messaging != apdu::SecureMessaging::none) return channel;
  const bool selects = command.ins == kSelect && class_byte.interindustry && !class_byte.chaining;
  return channel->active() && !selects ? channel : nullptr;
}

bool Pipeline::in_channel() const {
  const auto* const channel = selected().protection();
  return channel != nullptr && channel->active();
}

/// An application that was locked or deleted, from whichever session, goes on no longer, also where there is
/// another by now.
CardResult<void> Pipeline::leave_what_is_gone() {
  if (!manager_) return {};
  CARDEA_CHECK(manager_->availability->look());
  const auto now = manager_->availability->instance();
  const bool same = std::exchange(instance_, now).value_or(now) == now;
  if (selected_ == manager_->applet || (same && selectable(selected_))) return {};
  change_to(manager_->applet);
  chain_.clear();
  pending_.clear();
  return {};
}

bool Pipeline::selectable(std::size_t applet) const {
  if (!manager_ || applet == manager_->applet) return true;
  return manager_->availability->selectable(applets_[applet]->aid());
}

void Pipeline::change_to(std::size_t applet) {
  if (applet == selected_) return;
  selected().deselect();
  selected_ = applet;
}

Outcome Pipeline::get_response(const Command& command) {
  constexpr std::string_view kName = "GET RESPONSE";
  chain_.clear();
  if (command.p1 != 0 || command.p2 != 0 || !command.data.empty()) {
    pending_.clear();
    return only(command.data.empty() ? sw::kWrongP1P2 : sw::kWrongLength, kName);
  }
  if (pending_.empty()) return only(sw::kConditionsNotSatisfied, kName);
  // A piece of a signature or of a deciphered secret is no more to be answered from memory than the first
  // was.
  return {pending_.next(response_limit(command)), pending_effect_, kName};
}

// The parts of a chain may carry key material, which no cache should hold: effectful.
Step Pipeline::collect(const Command& part) {
  if (const auto added = chain_.add(part); !added)
    return {refuse(added.error()), Effect::effectful, kPartOfChain};
  return {Reply{}, Effect::effectful, kPartOfChain};
}

Step Pipeline::complete(Command& command) {
  if (const auto whole = chain_.finish(command); !whole) return {refuse(whole.error()), Effect::pure, {}};
  // Class 80 belongs to GlobalPlatform. To an application that does not know it INITIALIZE UPDATE is 6D00.
  const bool class_80 = (command.cla & 0x80U) != 0;
  if (class_80 && !selected().takes_class_80()) return {refuse(sw::kInsNotSupported), Effect::pure, {}};
  if (!class_80 && command.ins == kSelect) return select(command);
  if (!class_80 && command.ins == kManageChannel) return manage_channel(command);
  return selected().run(command);
}

// ISO/IEC 7816-4, 11.2.2. A failing SELECT changes nothing.
Step Pipeline::select(const Command& command) {
  constexpr std::string_view kName = "SELECT";
  constexpr std::uint8_t kByName = 0x04;
  constexpr std::uint8_t kNoData = 0x0C;
  if (command.p1 != kByName) {
    // By file identifier or path: there is no file system. 6A82, not 6A86: Windows knows what to do with it.
    const bool file = command.p1 <= 0x03 || command.p1 == 0x08 || command.p1 == 0x09;
    return {refuse(file ? sw::kNotFound : sw::kWrongP1P2), Effect::pure, kName};
  }
  if (command.p2 > 0x0F) return {refuse(sw::kWrongP1P2), Effect::pure, kName};

  const auto target = find(command.data, command.p2 & 0x03U);
  if (target == applets_.size()) return {refuse(sw::kNotFound), Effect::pure, kName};
  change_to(target);
  auto reply = selected().select();
  if ((command.p2 & kNoData) == kNoData) reply.data.clear();
  return {std::move(reply), Effect::pure, kName};
}

/// The applet that the data field names: the first or last in order of installation, or the next or previous
/// one as seen from the selected applet if that matches too. Without a name it is the card manager (Card
/// Specification 2.3.1, 11.9). The number of applets when there is none.
std::size_t Pipeline::find(BytesView aid, unsigned occurrence) const {
  constexpr unsigned kBackwardsBit = 1;  // 01 last, 03 previous
  constexpr unsigned kRelativeBit = 2;   // 02 next, 03 previous
  const bool backwards = (occurrence & kBackwardsBit) != 0;
  const bool relative = (occurrence & kRelativeBit) != 0;
  const std::size_t count = applets_.size();
  if (aid.empty()) return manager_ && !relative ? manager_->applet : count;
  const auto at = [&](std::size_t i) { return backwards ? count - 1 - i : i; };

  bool searching = !relative || !selected().aid().selected_by(aid);
  for (std::size_t i = 0; i < count; ++i) {
    if (searching && selectable(at(i)) && applets_[at(i)]->aid().selected_by(aid)) return at(i);
    searching = searching || at(i) == selected_;
  }
  return count;
}

void Pipeline::append_state(Bytes& out) const {
  out.push_back(static_cast<std::uint8_t>(selected_));
  for (const auto& applet : applets_)
    applet->append_state(out);
  chain_.append_state(out);
  pending_.append_state(out);
  if (!pending_.empty()) out.push_back(static_cast<std::uint8_t>(pending_effect_));
}

// A chain may carry key material, and what an effectful command answered was for this session alone.
bool Pipeline::has_security_status() const {
  if (!chain_.empty() || (!pending_.empty() && pending_effect_ == Effect::effectful)) return true;
  return std::ranges::any_of(applets_, [](const auto& applet) { return applet->has_security_status(); });
}

bool Pipeline::holder_verified() const {
  return std::ranges::any_of(applets_, [](const auto& applet) { return applet->holder_verified(); });
}

}  // namespace cardea::card

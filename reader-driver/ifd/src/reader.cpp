#include "reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/slot/access.h"

namespace cardea::ifd {

namespace {

using Clock = std::chrono::steady_clock;

/// An agent that connects says hello at once, or is no agent.
constexpr std::chrono::milliseconds kHelloDeadline{2000};
/// A hello is one small write: its end is there with its beginning.
constexpr std::chrono::milliseconds kRestOfHello{100};
/// Who floods the socket with connections that say nothing gets no further ones.
constexpr std::size_t kMaxNewcomers = 32;

}  // namespace

Result<DeviceName> parse_device_name(const std::string& text) {
  constexpr std::string_view kScheme = "unix:";
  DeviceName out;
  if (text.empty()) return out;
  if (!text.starts_with(kScheme))
    return fail(Errc::invalid, "DEVICENAME must be unix:PATH or unix:PATH:SLOTS");
  out.path = text.substr(kScheme.size());
  if (const auto colon = out.path.rfind(':'); colon != std::string::npos) {
    const auto* begin = out.path.data() + colon + 1;
    const auto* end = out.path.data() + out.path.size();
    const auto [stopped, error] = std::from_chars(begin, end, out.slots);
    if (error != std::errc{} || stopped != end || out.slots < 1 || out.slots > kMaxSlots) {
      return fail(Errc::invalid, "DEVICENAME: a reader has 1 to 16 slots");
    }
    out.path.resize(colon);
  }
  if (!out.path.starts_with('/')) return fail(Errc::invalid, "DEVICENAME: the socket path must be absolute");
  return out;
}

Result<std::unique_ptr<Reader>> Reader::open(const DeviceName& name, Log log,
                                             std::chrono::milliseconds settle) {
  std::error_code ignored;  // listening says what is wrong
  const auto folder = std::filesystem::path{name.path}.parent_path();
  if (std::filesystem::create_directories(folder, ignored)) {
    constexpr mode_t kMayPass = 0755;  // whatever pcscd's umask: the socket says who may connect
    (void)::chmod(folder.c_str(), kMayPass);
  }
  constexpr mode_t kOwnerAndGroup = 0660;
  CARDEA_TRY(auto listener, link::listen_on(name.path, kOwnerAndGroup));
  const auto group = slot::group_id(kGroupName);
  if (!group) {
    log(std::string{"there is no group "} + kGroupName + ": only root may put cards into the reader");
  } else if (::chown(name.path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    log(name.path + ": cannot be given to group " + kGroupName);
  }
  link::Descriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake) return fail(Errc::unavailable, "no descriptor for an event");
  std::unique_ptr<Reader> out{
      new Reader{std::move(listener), std::move(wake), name.slots, std::move(log), settle}};
  return out;
}

Reader::Reader(link::Descriptor listener, link::Descriptor wake, unsigned slots, Log log,
               std::chrono::milliseconds settle)
    : listener_{std::move(listener)}, wake_{std::move(wake)}, log_{std::move(log)}, settle_{settle} {
  for (unsigned i = 0; i < slots; ++i)
    places_.push_back(std::make_unique<Place>());
  watcher_ = std::thread{[this] { watch(); }};
}

Reader::~Reader() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    for (const auto& place : places_) {
      if (place->channel) place->channel->shut_down();
    }
  }
  changed_.notify_all();
  poke();
  watcher_.join();
}

void Reader::poke() {
  (void)::eventfd_write(wake_.get(), 1);
}

/// Accepts agents, and notices connections that end while no command is under way. Nobody who is slow or
/// silent keeps the others waiting: newcomers are watched like cards, and heard when they have spoken.
void Reader::watch() {
  while (true) {
    std::vector<pollfd> watched{{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    std::vector<std::pair<Place*, std::shared_ptr<link::Channel>>> cards;
    {
      const std::lock_guard lock{mutex_};
      if (stopping_) return;
      for (const auto& place : places_) {
        if (place->channel) cards.emplace_back(place.get(), place->channel);
      }
    }
    // Of a card, only the end of its connection: what is said on it belongs to the thread that transmits.
    for (const auto& [place, channel] : cards)
      watched.push_back({channel->fd(), POLLRDHUP, 0});
    for (const auto& newcomer : newcomers_)
      watched.push_back({newcomer.channel->fd(), POLLIN, 0});
    const int limit = newcomers_.empty() ? -1 : static_cast<int>(kHelloDeadline.count());
    if (::poll(watched.data(), watched.size(), limit) < 0) continue;

    if (watched[1].revents != 0) {
      eventfd_t ignored = 0;
      (void)::eventfd_read(wake_.get(), &ignored);
    }
    auto next = watched.begin() + 2;
    for (const auto& [place, channel] : cards) {
      if ((next++)->revents != 0) take_out(*place, channel, "its agent has closed the connection");
    }
    const auto now = Clock::now();
    std::vector<Newcomer> silent;
    for (auto& newcomer : newcomers_) {
      if ((next++)->revents != 0) {
        hear(newcomer);
      } else if (now < newcomer.until) {
        silent.push_back(std::move(newcomer));
      }
    }
    newcomers_ = std::move(silent);
    if ((watched[0].revents & POLLIN) != 0) accept_newcomer();
  }
}

void Reader::accept_newcomer() {
  link::Descriptor socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (!socket || newcomers_.size() >= kMaxNewcomers) return;
  auto channel = std::make_shared<link::Channel>(std::move(socket));
  if (channel->set_deadline(kRestOfHello))
    newcomers_.push_back({std::move(channel), Clock::now() + kHelloDeadline});
}

void Reader::hear(const Newcomer& newcomer) {
  const auto& channel = newcomer.channel;
  const auto first = channel->receive();
  if (!first || first->type != link::FrameType::hello) {
    log_("a connection that does not speak the protocol was closed");
    return;
  }
  const auto hello = link::parse_hello(first->payload);
  const auto refusal = hello ? admit(channel, *hello) : hello.error().what;
  if (refusal) {
    log_("card refused: " + *refusal);
    (void)channel->send(link::FrameType::refused, as_bytes(*refusal));
    return;
  }
  log_("card inserted: " + hello->label);
}

/// Puts the card into a slot, if one is free for its user; the reason when not.
std::optional<std::string> Reader::admit(const std::shared_ptr<link::Channel>& channel,
                                         const link::Hello& hello) {
  if (hello.version != link::kProtocolVersion) {
    return "this driver speaks protocol version " + std::to_string(link::kProtocolVersion) + ", the agent " +
           std::to_string(hello.version);
  }
  const auto peer = link::peer_of(channel->fd());
  if (!peer) return peer.error().what;
  if (!slot::may_use({peer->user, peer->groups}, ::geteuid(), slot::group_id(kGroupName))) {
    return "user " + std::to_string(peer->user) + " may not put cards into this reader: not in group " +
           kGroupName;
  }
  if (!channel->set_deadline(kCommandDeadline)) return "the connection is gone";
  std::optional<std::string> refusal = "there is no slot";
  {
    const std::lock_guard lock{mutex_};
    for (const auto& place : places_) {
      const auto refused = place->slot.insert(peer->user, Clock::now());
      if (refused) {
        refusal = refused->reason;
        continue;
      }
      // The agent hears of it before pcscd can ask for anything.
      if (!channel->send(link::FrameType::welcome)) {
        place->slot.remove(Clock::now());
        return "the connection is gone";
      }
      place->channel = channel;
      place->atr = hello.atr;
      place->changed = true;
      refusal.reset();
      break;
    }
  }
  if (!refusal) changed_.notify_all();
  return refusal;
}

void Reader::take_out(Place& place, const std::shared_ptr<link::Channel>& channel, const std::string& why) {
  {
    const std::lock_guard lock{mutex_};
    if (place.channel != channel) return;  // somebody was faster
    place.channel->shut_down();
    place.channel.reset();
    place.atr.clear();
    place.slot.remove(Clock::now());
    place.changed = true;
  }
  changed_.notify_all();
  poke();
  log_("card removed: " + why);
}

Result<std::shared_ptr<link::Channel>> Reader::channel_of(Place& place) {
  const std::lock_guard lock{mutex_};
  if (!place.channel) return fail(Errc::not_found, "no card is in the slot");
  return place.channel;
}

bool Reader::present(unsigned slot) {
  const std::lock_guard lock{mutex_};
  auto& place = *places_.at(slot);
  if (!asked_by_watcher(place)) {
    // Another thread's look must not hide a removal from the one that tells the applications.
    if (place.slot.occupied()) rely(place);
    return place.slot.occupied();
  }
  if (unsettled(place)) return true;
  place.slot.looked();
  return place.slot.occupied();
}

bool Reader::asked_by_watcher(const Place& place) {
  return !place.watcher || *place.watcher == std::this_thread::get_id();
}

void Reader::rely(Place& place) {
  place.told = Clock::now();
}

bool Reader::unsettled(const Place& place) const {
  return place.slot.state() == slot::State::lost &&
         (place.powering > 0 || (place.told && Clock::now() < *place.told + settle_));
}

std::chrono::milliseconds Reader::rest(const Place& place) const {
  if (place.powering > 0 || !place.told) return settle_;
  return std::chrono::ceil<std::chrono::milliseconds>(*place.told + settle_ - Clock::now());
}

/// A reset, or power going on or off, in a thread other than the one that watches.
class Reader::PowerUse {
 public:
  PowerUse(Reader& reader, Place& place) : reader_{reader}, place_{place} {
    const std::lock_guard lock{reader_.mutex_};
    counts_ = !asked_by_watcher(place_);
    if (counts_) ++place_.powering;
  }
  PowerUse(const PowerUse&) = delete;
  PowerUse& operator=(const PowerUse&) = delete;
  ~PowerUse() {
    if (!counts_) return;
    const std::lock_guard lock{reader_.mutex_};
    --place_.powering;
    rely(place_);
  }

 private:
  Reader& reader_;
  Place& place_;
  bool counts_ = false;
};

Result<Bytes> Reader::power_on(unsigned slot, link::FrameType how) {
  auto& place = *places_.at(slot);
  const PowerUse use{*this, place};
  const std::lock_guard busy{place.in_use};
  CARDEA_TRY(const auto channel, channel_of(place));
  // Nothing is answered: the card resets before it sees the next command, which is all that matters.
  if (auto sent = channel->send(how); !sent) {
    take_out(place, channel, sent.error().what);
    return tl::unexpected{std::move(sent).error()};
  }
  const std::lock_guard lock{mutex_};
  if (!place.slot.power_on()) return fail(Errc::not_found, "no card is in the slot");
  return place.atr;
}

Result<void> Reader::power_off(unsigned slot) {
  auto& place = *places_.at(slot);
  const PowerUse use{*this, place};
  const std::lock_guard busy{place.in_use};
  CARDEA_TRY(const auto channel, channel_of(place));
  if (auto sent = channel->send(link::FrameType::power_off); !sent) {
    take_out(place, channel, sent.error().what);
    return sent;
  }
  const std::lock_guard lock{mutex_};
  place.slot.power_off();
  return {};
}

Result<Bytes> Reader::atr(unsigned slot) {
  const std::lock_guard lock{mutex_};
  const auto& place = *places_.at(slot);
  if (place.slot.state() != slot::State::powered)
    return fail(Errc::not_found, "no powered card is in the slot");
  return place.atr;
}

Result<Bytes> Reader::transmit(unsigned slot, BytesView command) {
  // Not the card's business, and no control code of a wire.
  if (!apdu::parse_command(command)) {
    return apdu::encode(apdu::Response{{}, apdu::sw::kWrongLength});
  }
  auto& place = *places_.at(slot);
  const std::lock_guard busy{place.in_use};
  CARDEA_TRY(const auto channel, channel_of(place));
  auto answer = ask(*channel, command, ++place.asked);
  if (!answer) take_out(place, channel, answer.error().what);
  return answer;
}

Result<Bytes> Reader::ask(link::Channel& channel, BytesView command, std::uint32_t number) {
  CARDEA_CHECK(channel.send(link::FrameType::transmit, command, number));
  CARDEA_TRY(auto answer, channel.receive());
  if (answer.type != link::FrameType::response || answer.payload.size() < 2) {
    return fail(Errc::invalid, "the agent answered with something that is no response");
  }
  // What was said before it was asked for must not pass for the answer to this command.
  if (answer.number != number) return fail(Errc::invalid, "the agent answered what it was not asked");
  return std::move(answer.payload);
}

void Reader::wait_for_change(unsigned slot, std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  auto& place = *places_.at(slot);
  place.watcher = std::this_thread::get_id();
  // A removal that is held back has been announced already: the wait is for its time to come.
  if (unsettled(place)) limit = std::min(limit, std::max(rest(place), std::chrono::milliseconds{1}));
  changed_.wait_for(lock, limit, [this, &place] { return stopping_ || place.changed; });
  place.changed = false;
}

void Reader::stop_waiting(unsigned slot) {
  {
    const std::lock_guard lock{mutex_};
    places_.at(slot)->changed = true;
  }
  changed_.notify_all();
}

}  // namespace cardea::ifd

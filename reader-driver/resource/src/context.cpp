#include "context.h"

#include <chrono>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"

namespace cardea::resource {

namespace code = pcsc_link::code;
namespace disposition = pcsc_link::disposition;
namespace protocol_bit = pcsc_link::protocol;
namespace reader_state = pcsc_link::reader_state;
namespace share_mode = pcsc_link::share;

namespace {

constexpr auto kAnyProtocol =
    protocol_bit::kT0 | protocol_bit::kT1 | protocol_bit::kRaw | protocol_bit::kAnyOld;

bool is_share_mode(std::uint32_t share) {
  return share == share_mode::kExclusive || share == share_mode::kShared || share == share_mode::kDirect;
}

bool lacks_protocol(std::uint32_t share, std::uint32_t protocols) {
  return share != share_mode::kDirect && (protocols & kAnyProtocol) == 0;
}

bool starts_card_anew(std::uint32_t how) {
  return how == disposition::kReset || how == disposition::kUnpower;
}

}  // namespace

HubContext::~HubContext() {
  if (!abandoned_) (void)release();
}

Connection* HubContext::find(pcsc_link::CardId card) const {
  const auto at = connections_.find(card);
  return at == connections_.end() ? nullptr : at->second.get();
}

template <class Refuse>
Code HubContext::take_turn(Turn& turn, Refuse refuse) {
  while (true) {
    turn.lock = Hub::Lock{hub_->mutex};
    if (stopped()) return code::kNoService;
    if (const auto refused = refuse(turn.reader); refused != code::kSuccess) return refused;
    hub_->await_turn(turn.lock, turn.reader, turn.connection, [this] { return stopped(); });
    if (stopped()) return code::kNoService;
    turn.lock.unlock();
    turn.busy = std::unique_lock{turn.reader.in_use};
    turn.lock.lock();
    // Somebody else's transaction may have begun while the card was busy.
    if (turn.reader.free_for(turn.connection)) return refuse(turn.reader);
    turn.lock.unlock();
    turn.busy.unlock();
  }
}

template <class Act>
Code HubContext::with_turn(pcsc_link::CardId card, Act act) {
  auto* connection = find(card);
  if (connection == nullptr) return code::kInvalidHandle;
  Turn turn{*connection->reader, connection, {}, {}};
  const auto taken = take_turn(turn, [](const Reader&) { return code::kSuccess; });
  return taken == code::kSuccess ? act(turn) : taken;
}

/// Power on or a reset. Codes: kNoSmartcard, kUnresponsiveCard.
Code HubContext::switch_on(Turn& turn, bool off_first, Power how) {
  const auto card = turn.reader.card;
  turn.lock.unlock();
  if (card && off_first) (void)card->power(Power::off);
  const bool good = card && card->power(how).has_value();
  turn.lock.lock();
  if (!card || turn.reader.card != card) return code::kNoSmartcard;
  turn.reader.powered_up(good);
  return good ? code::kSuccess : code::kUnresponsiveCard;
}

Code HubContext::restart(Turn& turn, std::uint32_t how) {
  if (!turn.reader.present()) return code::kNoSmartcard;
  turn.reader.note_reset();
  const bool cold = how == disposition::kUnpower;
  return switch_on(turn, cold, cold ? Power::on : Power::reset);
}

/// The card of a connection that is about to be made, or made anew: powered, with a protocol.
Code HubContext::prepare(Turn& turn, std::uint32_t share, std::uint32_t protocols) {
  auto& reader = turn.reader;
  if (share != share_mode::kDirect && !reader.powered && (reader.state & reader_state::kSwallowed) == 0) {
    (void)switch_on(turn, false, Power::on);
  }
  if (share != share_mode::kDirect && !reader.present()) return code::kNoSmartcard;
  if (share != share_mode::kDirect && !reader.powered) return code::kUnpoweredCard;
  if ((protocols & protocol_bit::kRaw) != 0) {
    reader.protocol = protocol_bit::kRaw;
    return code::kSuccess;
  }
  return share == share_mode::kDirect ? code::kSuccess : reader.choose_protocol(protocols);
}

Code HubContext::connect(const std::string& name, std::uint32_t share, std::uint32_t protocols,
                         pcsc_link::Connected& out) {
  if (lacks_protocol(share, protocols)) return code::kProtocolMismatch;
  if (!is_share_mode(share)) return code::kInvalidValue;
  Reader* reader = nullptr;
  {
    const Hub::Lock lock{hub_->mutex};
    if (stopped()) return code::kNoService;
    reader = hub_->find(name);
  }
  if (reader == nullptr) return code::kUnknownReader;
  Turn turn{*reader, nullptr, {}, {}};
  const auto exclusively_used = [](const Reader& its) {
    return its.sharing == pcsc_link::kExclusivelyShared ? code::kSharingViolation : code::kSuccess;
  };
  if (const auto taken = take_turn(turn, exclusively_used); taken != code::kSuccess) return taken;
  if (const auto prepared = prepare(turn, share, protocols); prepared != code::kSuccess) return prepared;

  out.protocol = reader->protocol;
  auto connection = std::make_unique<Connection>();
  connection->reader = reader;
  if (const auto joined = reader->join(*connection, share); joined != code::kSuccess) return joined;
  out.card = ++last_;
  connections_.emplace(out.card, std::move(connection));
  hub_->changed();
  return code::kSuccess;
}

Code HubContext::reconnect(pcsc_link::CardId card, std::uint32_t share, std::uint32_t protocols,
                           std::uint32_t initialization, pcsc_link::Connected& out) {
  if (initialization > disposition::kUnpower || !is_share_mode(share)) return code::kInvalidValue;
  if (lacks_protocol(share, protocols)) return code::kProtocolMismatch;
  return with_turn(card, [&](Turn& turn) -> Code {
    auto& reader = turn.reader;
    if (starts_card_anew(initialization)) {
      const auto restarted = restart(turn, initialization);
      hub_->changed();
      if (restarted != code::kSuccess) return restarted;
    }
    if (!reader.present()) return code::kNoSmartcard;
    if ((reader.state & reader_state::kSwallowed) != 0) return code::kUnresponsiveCard;
    if (const auto prepared = prepare(turn, share, protocols); prepared != code::kSuccess) return prepared;
    out = {card, reader.protocol};
    if (const auto shared = reader.share_anew(*turn.connection, share); shared != code::kSuccess)
      return shared;
    turn.connection->event = Connection::Event::none;
    hub_->turn_over();
    hub_->changed();
    return code::kSuccess;
  });
}

Code HubContext::disconnect(pcsc_link::CardId card, std::uint32_t how) {
  auto* connection = find(card);
  if (connection == nullptr) return code::kInvalidHandle;
  if (how > disposition::kEject) return code::kInvalidValue;
  Turn turn{*connection->reader, connection, {}, {}};
  if (starts_card_anew(how)) {
    const auto taken = take_turn(turn, [](const Reader&) { return code::kSuccess; });
    if (taken != code::kSuccess) return taken;
    if (turn.reader.present()) turn.reader.note_reset();
    if (turn.reader.present() && how == disposition::kReset) (void)switch_on(turn, false, Power::reset);
    if (turn.reader.present() && how == disposition::kUnpower) {
      const auto port = turn.reader.card;
      turn.lock.unlock();
      (void)port->power(Power::off);
      turn.lock.lock();
      if (turn.reader.card == port) turn.reader.powered_down();
    }
  } else {
    turn.lock = Hub::Lock{hub_->mutex};
    if (stopped()) return code::kNoService;
  }
  leave(turn);
  connections_.erase(card);
  return code::kSuccess;
}

void HubContext::leave(Turn& turn) {
  turn.reader.leave(*turn.connection, Hub::Clock::now());
  hub_->turn_over();
  hub_->changed();
}

Code HubContext::begin(pcsc_link::CardId card) {
  auto* connection = find(card);
  if (connection == nullptr) return code::kInvalidHandle;
  Hub::Lock lock{hub_->mutex};
  if (stopped()) return code::kNoService;
  auto& reader = *connection->reader;
  if (connection->event == Connection::Event::none)
    hub_->await_turn(lock, reader, connection, [this] { return stopped(); });
  if (stopped()) return code::kNoService;
  if (connection->event != Connection::Event::none) return code_of(connection->event);
  reader.lock(*connection);
  return code::kSuccess;
}

Code HubContext::end(pcsc_link::CardId card, std::uint32_t how) {
  auto* connection = find(card);
  if (connection == nullptr) return code::kInvalidHandle;
  if (how > disposition::kEject) return code::kInvalidValue;
  Turn turn{*connection->reader, connection, {}, {}};
  if (starts_card_anew(how)) turn.busy = std::unique_lock{turn.reader.in_use};
  turn.lock = Hub::Lock{hub_->mutex};
  if (stopped()) return code::kNoService;
  if (connection->event != Connection::Event::none) return code_of(connection->event);
  if (!turn.reader.free_for(connection)) return code::kSharingViolation;
  auto restarted = code::kSuccess;
  if (starts_card_anew(how)) {
    restarted = restart(turn, how);
    hub_->changed();
  }
  const auto unlocked = turn.reader.unlock(*connection);
  hub_->turn_over();
  return restarted == code::kSuccess ? unlocked : restarted;
}

Code HubContext::status(pcsc_link::CardId card, bool wait, pcsc_link::ReaderRecord& out) {
  auto* connection = find(card);
  if (connection == nullptr) return code::kInvalidHandle;
  Hub::Lock lock{hub_->mutex};
  if (stopped()) return code::kNoService;
  auto& reader = *connection->reader;
  if (wait) hub_->await_turn(lock, reader, connection, [this] { return stopped(); });
  if (stopped()) return code::kNoService;
  out = reader.record();
  if (!reader.free_for(connection) && connection->event == Connection::Event::none)
    return code::kSharingViolation;
  return code_of(connection->event);
}

Code HubContext::transmit(pcsc_link::CardId card, std::uint32_t protocol, BytesView command,
                          pcsc_link::Transmitted& out) {
  return with_turn(card, [&](Turn& turn) -> Code {
    if (turn.connection->event != Connection::Event::none) return code_of(turn.connection->event);
    const bool any = protocol == protocol_bit::kRaw || protocol == protocol_bit::kAnyOld;
    if (protocol != protocol_bit::kRaw && !turn.reader.present()) return code::kNoSmartcard;
    if (!any && protocol != turn.reader.protocol) return code::kProtocolMismatch;
    out.protocol = protocol == protocol_bit::kAnyOld ? turn.reader.protocol : protocol;
    // Not the card's business, and no control code of a wire.
    if (!apdu::parse_command(command)) {
      out.response = apdu::encode(apdu::Response{{}, apdu::sw::kWrongLength});
      return code::kSuccess;
    }
    const auto port = turn.reader.card;
    turn.lock.unlock();
    if (!port) return code::kNoSmartcard;
    auto answer = port->transmit(command);
    if (!answer) return answer.error().code == Errc::not_found ? code::kNoSmartcard : code::kNotTransacted;
    out.response = *std::move(answer);
    return code::kSuccess;
  });
}

/// The reader has no PIN pad: an empty list of features, and no other control code.
Code HubContext::control(pcsc_link::CardId card, std::uint32_t control_code, BytesView /*input*/,
                         Bytes& out) {
  const auto* connection = find(card);
  if (connection == nullptr) return code::kInvalidHandle;
  const Hub::Lock lock{hub_->mutex};
  if (stopped()) return code::kNoService;
  if (!connection->reader->free_for(connection)) return code::kSharingViolation;
  out.clear();
  return control_code == pcsc_link::kGetFeatureRequest ? code::kSuccess : code::kUnsupportedFeature;
}

Code HubContext::readers(pcsc_link::ReaderList& out) {
  const Hub::Lock lock{hub_->mutex};
  if (stopped()) return code::kNoService;
  out = hub_->list();
  return code::kSuccess;
}

Code HubContext::wait(std::uint32_t call, std::uint64_t known, std::uint32_t limit,
                      pcsc_link::ReaderList& out) {
  Hub::Lock lock{hub_->mutex};
  const auto over = [&] { return stopped() || cancelled_ == call || hub_->generation != known; };
  bool changed = true;
  if (limit == pcsc_link::kInfinite) {
    hub_->changes.wait(lock, over);
  } else {
    changed = hub_->changes.wait_for(lock, std::chrono::milliseconds{limit}, over);
  }
  if (stopped()) return code::kNoService;
  out = hub_->list();
  if (cancelled_ == call) return code::kCancelled;
  return changed ? code::kSuccess : code::kTimeout;
}

void HubContext::cancel(std::uint32_t call) noexcept {
  const Hub::Lock lock{hub_->mutex};
  cancelled_ = call;
  hub_->changes.notify_all();
}

void HubContext::interrupt() noexcept {
  const Hub::Lock lock{hub_->mutex};
  interrupted_ = true;
  hub_->changes.notify_all();
  hub_->turns.notify_all();
}

/// A program that ends in the middle of a transaction leaves the card in a state that nobody knows: it is
/// reset. Whoever is not in one leaves the card as it is.
Code HubContext::release() {
  for (auto& [id, connection] : connections_) {
    auto& reader = *connection->reader;
    Turn turn{reader, connection.get(), {}, Hub::Lock{hub_->mutex}};
    if (reader.owner == connection.get() && connection->event == Connection::Event::none) {
      turn.lock.unlock();
      turn.busy = std::unique_lock{reader.in_use};
      turn.lock.lock();
      if (reader.owner == connection.get() && connection->event == Connection::Event::none)
        (void)restart(turn, disposition::kReset);
    }
    leave(turn);
  }
  connections_.clear();
  const Hub::Lock lock{hub_->mutex};
  return hub_->closed ? code::kNoService : code::kSuccess;
}

bool HubContext::would_wait(pcsc_link::CardId card) const {
  const auto* connection = find(card);
  const Hub::Lock lock{hub_->mutex};
  return connection != nullptr && hub_->would_wait(*connection->reader, connection);
}

bool HubContext::would_wait(const std::string& name) const {
  const Hub::Lock lock{hub_->mutex};
  const auto* reader = hub_->find(name);
  return reader != nullptr && hub_->would_wait(*reader, nullptr);
}

}  // namespace cardea::resource

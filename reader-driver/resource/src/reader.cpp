#include "reader.h"

#include <algorithm>

#include "cardea/apdu/atr.h"

namespace cardea::resource {

namespace code = pcsc_link::code;
namespace protocol_bit = pcsc_link::protocol;
namespace reader_state = pcsc_link::reader_state;
namespace share_mode = pcsc_link::share;

namespace {

constexpr auto kReady = reader_state::kPresent | reader_state::kPowered | reader_state::kNegotiable;

}  // namespace

std::uint32_t protocols_of(BytesView atr) {
  const auto parsed = apdu::parse_atr(atr);
  std::uint32_t out = protocol_bit::kUndefined;
  if (!parsed) return out;
  for (const auto number : parsed->protocols()) {
    if (number == 0) out |= protocol_bit::kT0;
    if (number == 1) out |= protocol_bit::kT1;
  }
  return out;
}

Code code_of(Connection::Event event) {
  switch (event) {
    case Connection::Event::none:
      return code::kSuccess;
    case Connection::Event::reset:
      return code::kResetCard;
    case Connection::Event::removed:
      return code::kRemovedCard;
  }
  return code::kInternalError;
}

void Reader::insert(std::shared_ptr<CardPort> inserted, Time now) {
  card = std::move(inserted);
  atr = card->atr();
  ++events;
  powered_up(true);
  idle_since = now;
}

/// A transaction does not outlive the card: others may go on, and hear of the removal.
void Reader::remove() {
  card.reset();
  atr.clear();
  ++events;
  state = reader_state::kAbsent;
  protocol = protocol_bit::kUndefined;
  powered = false;
  idle_since.reset();
  for (auto* connection : connections)
    connection->event = Connection::Event::removed;
  owner = nullptr;
  depth = 0;
}

void Reader::powered_up(bool good) {
  protocol = protocol_bit::kUndefined;
  powered = good;
  state = good ? kReady : reader_state::kPresent | reader_state::kSwallowed;
  if (good && card) atr = card->atr();
  if (!good) atr.clear();
}

void Reader::powered_down() {
  protocol = protocol_bit::kUndefined;
  powered = false;
  idle_since.reset();
  state = reader_state::kPresent;
}

void Reader::put_to_sleep() {
  protocol = protocol_bit::kUndefined;
  powered = false;
  idle_since.reset();
}

void Reader::note_reset() {
  for (auto* connection : connections)
    connection->event = Connection::Event::reset;
}

Code Reader::choose_protocol(std::uint32_t preferred) {
  if ((preferred & protocol_bit::kAnyOld) != 0) preferred = protocol_bit::kT0 | protocol_bit::kT1;
  if (protocol != protocol_bit::kUndefined) {
    return (preferred & protocol) != 0 ? code::kSuccess : code::kProtocolMismatch;
  }
  const auto possible = preferred & protocols_of(atr);
  if ((possible & protocol_bit::kT1) != 0) {
    protocol = protocol_bit::kT1;
  } else if ((possible & protocol_bit::kT0) != 0) {
    protocol = protocol_bit::kT0;
  } else {
    return code::kProtocolMismatch;
  }
  return code::kSuccess;
}

Code Reader::join(Connection& connection, std::uint32_t share) {
  if (sharing == pcsc_link::kExclusivelyShared) return code::kSharingViolation;
  if (share == share_mode::kExclusive) {
    if (sharing != 0) return code::kSharingViolation;
    sharing = pcsc_link::kExclusivelyShared;
    lock(connection);
  } else {
    ++sharing;
  }
  connections.push_back(&connection);
  if (share != share_mode::kDirect) idle_since.reset();
  return code::kSuccess;
}

Code Reader::share_anew(Connection& connection, std::uint32_t share) {
  const bool exclusive = sharing == pcsc_link::kExclusivelyShared;
  if (share == share_mode::kExclusive && !exclusive) {
    if (sharing != 1) return code::kSharingViolation;
    sharing = pcsc_link::kExclusivelyShared;
    lock(connection);
  }
  if (share != share_mode::kExclusive && exclusive) {
    (void)unlock(connection);
    sharing = 1;
  }
  if (share != share_mode::kDirect) idle_since.reset();
  return code::kSuccess;
}

void Reader::leave(Connection& connection, Time now) {
  unlock_all(connection);
  std::erase(connections, &connection);
  sharing = sharing == pcsc_link::kExclusivelyShared ? 0 : sharing - 1;
  if (sharing == 0 && powered) idle_since = now;
}

void Reader::lock(Connection& connection) {
  owner = &connection;
  ++depth;
}

Code Reader::unlock(const Connection& connection) {
  if (!free_for(&connection)) return code::kSharingViolation;
  if (depth == 0) return code::kNotTransacted;
  if (--depth == 0) owner = nullptr;
  return code::kSuccess;
}

void Reader::unlock_all(const Connection& connection) {
  if (owner != &connection) return;
  owner = nullptr;
  depth = 0;
}

pcsc_link::ReaderRecord Reader::record() const {
  return {name, state, events, sharing, protocol, atr};
}

}  // namespace cardea::resource

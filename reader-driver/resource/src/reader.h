#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cardea/pcsc_link/vocabulary.h"
#include "cardea/resource/card_port.h"

namespace cardea::resource {

using pcsc_link::Code;

struct Reader;

/// An SCARDHANDLE.
struct Connection {
  /// What the program has to be told before anything else, until it connects anew.
  enum class Event : std::uint8_t { none, reset, removed };

  Reader* reader = nullptr;
  Event event = Event::none;
};

/// Whose turn comes when a transaction ends: those who wait, in order. The address is the identity.
struct Ticket {};

/// One reader's decisions: no threads, no clock, no card is spoken to. Everything but `name` and `in_use` is
/// guarded by the hub's mutex.
struct Reader {
  using Time = std::chrono::steady_clock::time_point;

  explicit Reader(std::string its_name) : name{std::move(its_name)} {}

  // -- the card
  // ------------------------------------------------------------------------------------------------

  void insert(std::shared_ptr<CardPort> inserted, Time now);
  void remove();
  [[nodiscard]] bool present() const { return (state & pcsc_link::reader_state::kPresent) != 0; }

  /// After power on or a reset; `good` says whether the card has answered.
  void powered_up(bool good);
  void powered_down();
  /// The power that an idle card loses: programs go on seeing it as it was.
  void put_to_sleep();
  /// All connections are told, the one that did it included.
  void note_reset();

  /// Chooses a protocol where none is chosen, among those that the program prefers and the card has: T=1
  /// before T=0. Codes: kProtocolMismatch.
  Code choose_protocol(std::uint32_t preferred);

  // -- sharing
  // -------------------------------------------------------------------------------------------------

  /// Codes: kSharingViolation. An exclusive connection is in a transaction from the beginning.
  Code join(Connection& connection, std::uint32_t share);
  /// A connection that is there already asks for another mode. Codes: kSharingViolation.
  Code share_anew(Connection& connection, std::uint32_t share);
  /// Ends its transaction, if it is in one. An idle card's time begins when the last one leaves.
  void leave(Connection& connection, Time now);

  /// Whether no other connection is in a transaction.
  [[nodiscard]] bool free_for(const Connection* connection) const {
    return owner == nullptr || owner == connection;
  }
  /// `free_for` must hold.
  void lock(Connection& connection);
  /// Codes: kSharingViolation, kNotTransacted.
  Code unlock(const Connection& connection);
  void unlock_all(const Connection& connection);

  [[nodiscard]] pcsc_link::ReaderRecord record() const;

  const std::string name;
  std::shared_ptr<CardPort> card;
  std::uint32_t state = pcsc_link::reader_state::kAbsent;
  std::uint16_t events = 0;
  std::int32_t sharing = 0;  // connections, or kExclusivelyShared
  std::uint32_t protocol = pcsc_link::protocol::kUndefined;
  Bytes atr;
  bool powered = false;            // in truth; `state` is what programs see
  std::optional<Time> idle_since;  // while the card is powered for nobody
  std::vector<Connection*> connections;
  const Connection* owner = nullptr;  // in a transaction
  unsigned depth = 0;                 // of the owner's transactions
  std::list<const Ticket*> queue;     // those who wait for the owner

  /// Held while the card is spoken to. Taken before the hub's mutex.
  std::mutex in_use;
};

/// The protocols that an ATR offers, as bits. None for what is no ATR.
std::uint32_t protocols_of(BytesView atr);

/// What a pending event is to a program.
Code code_of(Connection::Event event);

}  // namespace cardea::resource

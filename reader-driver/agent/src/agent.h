#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "inserted_card.h"
#include "state.h"

namespace cardea::agent {

/// Whether "all" cards are meant to include this one. Blank and half-issued ones have a verb of their own; a
/// registrar's workstation leaves those of holders, and those that wait for one, to the holders.
bool among_all(const api::CardSummary& card);

/// The daemon's cards: which are inserted, and the way to the server for each. Thread-safe.
class Agent {
 public:
  using Readers = std::vector<std::shared_ptr<ReaderPort>>;

  /// A card is put into each of `readers` (one at least), by a session of its own.
  Agent(State::Device device, Readers readers);

  /// As above, with connections of another kind.
  Agent(State::Device device, Readers readers, std::unique_ptr<api::HttpConnector> connector);

  /// What the server lets this workstation open.
  Result<std::vector<api::CardSummary>> cards();

  /// One of them. Errors: `not_found`, `conflict` when a label fits several cards, those of `cards`.
  Result<api::CardSummary> find(const std::string& id_or_label);

  /// A connection of its own to the server, in the name of this workstation.
  [[nodiscard]] api::Client new_client() const;

  /// By id or label. Returns where the card stands, of several readers in the first one where it is not
  /// inserted; an inserted one stays as it is. Errors: `not_found`,
  /// `denied` with the server's sentence, `conflict` when a label fits several cards, `unavailable`.
  Result<InsertedCard::Status> insert(const std::string& id_or_label);

  /// A card that the server has told of. Errors: `denied`, `unavailable`.
  Result<InsertedCard::Status> insert(const api::CardSummary& card);

  /// The card with this id in each of the readers; nothing when it is not inserted.
  [[nodiscard]] std::vector<std::shared_ptr<const InsertedCard>> inserted(const std::string& id) const;

  /// Takes the card out at once, and waits a moment for the server to hear of it. Errors: `not_found` when no
  /// such card is inserted.
  Result<void> eject(const std::string& id_or_label);

  /// Ejects all cards and inserts none from now on. Returns within `kFarewell`; false when the server has not
  /// answered by then and threads are still waiting for it, also those of cards that were ejected before.
  [[nodiscard]] bool stop();
  /// Waits for `stop`, at most `limit`; whether it was called.
  [[nodiscard]] bool stopped_within(std::chrono::milliseconds limit) const;

  /// How long the server may take to hear that a card was ejected.
  static constexpr std::chrono::milliseconds kFarewell{1500};

  /// A card in several readers is there several times.
  [[nodiscard]] std::vector<InsertedCard::Status> status() const;
  [[nodiscard]] const State::Device& device() const { return *device_; }

 private:
  /// One card, in each of the readers.
  using Everywhere = std::vector<std::shared_ptr<InsertedCard>>;

  void put_everywhere(const api::CardSummary& card, Everywhere& place) const;
  void forget(const std::string& id, const Everywhere& card);
  [[nodiscard]] bool let_go_by(std::chrono::steady_clock::time_point end) const;

  const std::shared_ptr<const State::Device> device_;  // shared with the cards' threads, and nobody else
  const Readers readers_;
  const std::unique_ptr<api::HttpConnector> connector_;
  mutable std::mutex mutex_;
  mutable std::condition_variable stopping_;
  bool stopped_ = false;                        // guarded by mutex_
  std::map<std::string, Everywhere> inserted_;  // by card id; guarded by mutex_
};

}  // namespace cardea::agent

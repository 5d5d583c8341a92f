#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cardea/api/client.h"
#include "late_proofs.h"
#include "reader_port.h"

namespace cardea::agent {

/// Where an inserted card stands.
enum class Phase : std::uint8_t {
  waiting_for_server,  ///< the server cannot be reached; tried again and again
  waiting_for_reader,  ///< the reader is not there or its slots are taken; tried again and again
  inserted,            ///< in the reader
  refused,             ///< the server will not have it; over
  ejected,             ///< taken out by its user; over
};

std::string_view name(Phase phase);

/// One card that is to be in a reader: a thread of its own opens a session at the server, puts the card into
/// a reader and answers each command by one exchange, inline, with nothing in between. Whatever
/// breaks is built again until the card is ejected: a lost server or session takes the card out, which
/// applications understand, and brings it back.
///
/// The thread may outlive this object: a request that hangs keeps nobody waiting.
class InsertedCard {
 public:
  struct Status {
    api::CardSummary card;
    Phase phase = Phase::waiting_for_server;
    std::string detail;  ///< why it is where it is; empty when inserted
    std::string reader;  ///< which kind of reader it is meant for (ReaderPort::kind)
  };

  /// `client` is this card's alone; what it refers to (its key) is kept alive by `client_needs`. Proofs of
  /// PINs that are on their way are kept in `proofs`; where that keeps nothing, a right PIN is answered when
  /// its proof has arrived.
  InsertedCard(api::CardSummary card, api::Client client, std::shared_ptr<const void> client_needs,
               std::shared_ptr<ReaderPort> reader, std::unique_ptr<LateProofs> proofs);
  InsertedCard(const InsertedCard&) = delete;
  InsertedCard& operator=(const InsertedCard&) = delete;
  /// Ejects, and waits for nothing.
  ~InsertedCard();

  [[nodiscard]] Status status() const;

  /// What applications have done with it since this object was made.
  struct Use {
    std::uint64_t commands = 0;         ///< that were answered
    std::uint64_t releases = 0;         ///< how often its power was taken away: nobody held it any more
    std::chrono::milliseconds idle{0};  ///< since the last command was answered, or since the beginning
  };
  [[nodiscard]] Use use() const;

  /// Waits until the card is inserted, refused or ejected, at most `limit`; where it stands then.
  Status wait_until_settled(std::chrono::milliseconds limit) const;

  /// Takes the card out now and for good; a command under way is cut off for the application.
  void eject();

  /// After `eject`: waits until session and connection are closed and the thread is at its end, at most until
  /// `end`. False when it is still busy then, with a server that does not answer. After true the process may
  /// end.
  [[nodiscard]] bool wait_until_over(std::chrono::steady_clock::time_point end) const;

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace cardea::agent

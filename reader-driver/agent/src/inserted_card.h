#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cardea/api/client.h"
#include "cardea/link/socket.h"

namespace cardea::agent {

/// Where an inserted card stands.
enum class Phase : std::uint8_t {
  waiting_for_server,  ///< the server cannot be reached; tried again and again
  waiting_for_reader,  ///< the driver is not there or its slots are taken; tried again and again
  inserted,            ///< in the reader
  refused,             ///< the server will not have it; over
};

std::string_view name(Phase phase);

/// One card that is to be in a reader: a thread of its own opens a session at the server, puts the card into
/// a slot of the driver and answers each command by one exchange, inline, with nothing in between. Whatever
/// breaks is built again until the card is ejected: a lost server or session takes the card out, which
/// applications understand, and brings it back.
class InsertedCard {
 public:
  struct Status {
    api::CardSummary card;
    Phase phase = Phase::waiting_for_server;
    std::string detail;  ///< why it is where it is; empty when inserted
  };

  /// `client` is this card's alone.
  InsertedCard(api::CardSummary card, api::Client client, std::string ifd_socket);
  InsertedCard(const InsertedCard&) = delete;
  InsertedCard& operator=(const InsertedCard&) = delete;
  /// Ejects, and waits for the thread.
  ~InsertedCard();

  [[nodiscard]] Status status() const;

  /// Waits until the card is inserted or refused, at most `limit`; where it stands then.
  Status wait_until_settled(std::chrono::milliseconds limit) const;

  /// Takes the card out now and for good; a command under way is cut off for the application.
  void eject();

 private:
  void run();
  void serve_one_insertion();
  Result<void> ensure_session();
  Result<std::shared_ptr<link::Channel>> put_into_reader();
  Result<Bytes> answer(const Bytes& command);
  Result<api::ExchangeReply> exchange(std::vector<api::Step> steps);
  void enter(Phase phase, std::string detail);
  void pause();
  bool stopping() const;

  const api::CardSummary card_;
  api::Client client_;
  const std::string ifd_socket_;

  // Used by the card's thread only.
  std::optional<api::CardSession> session_;
  std::uint64_t sequence_ = 0;
  bool reset_owed_ = true;
  std::chrono::milliseconds patience_{0};

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Phase phase_ = Phase::waiting_for_server;  // guarded by mutex_
  std::string detail_;                       // guarded by mutex_
  bool stop_ = false;                        // guarded by mutex_
  std::shared_ptr<link::Channel> channel_;   // guarded by mutex_
  std::thread thread_;
};

}  // namespace cardea::agent

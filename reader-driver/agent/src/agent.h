#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "inserted_card.h"
#include "state.h"

namespace cardea::agent {

/// The daemon's cards: which are inserted, and the way to the server for each. Thread-safe.
class Agent {
 public:
  Agent(State::Device device, std::string ifd_socket);

  /// What the server lets this workstation open.
  Result<std::vector<api::CardSummary>> cards();

  /// By id or label. Returns where the card stands; an inserted one stays as it is. Errors: `not_found`,
  /// `denied` with the server's sentence, `conflict` when a label fits several cards, `unavailable`.
  Result<InsertedCard::Status> insert(const std::string& id_or_label);

  /// Errors: `not_found` when no such card is inserted.
  Result<void> eject(const std::string& id_or_label);

  [[nodiscard]] std::vector<InsertedCard::Status> status() const;
  [[nodiscard]] const State::Device& device() const { return device_; }

 private:
  api::Client new_client() const;
  Result<api::CardSummary> find(const std::string& id_or_label);

  const State::Device device_;
  const std::string ifd_socket_;
  const std::unique_ptr<api::HttpConnector> connector_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<InsertedCard>> inserted_;  // by card id; guarded by mutex_
};

}  // namespace cardea::agent

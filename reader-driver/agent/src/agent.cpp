#include "agent.h"

#include <algorithm>

namespace cardea::agent {

namespace {

/// How long `insert` waits for the card to be in the reader before it reports where it stands.
constexpr std::chrono::seconds kSettleLimit{10};

bool named(const api::CardSummary& card, const std::string& id_or_label) {
  return card.id == id_or_label || card.label == id_or_label;
}

}  // namespace

Agent::Agent(State::Device device, std::string ifd_socket)
    : Agent{std::move(device), std::move(ifd_socket), api::make_system_connector()} {}

Agent::Agent(State::Device device, std::string ifd_socket, std::unique_ptr<api::HttpConnector> connector)
    : device_{std::make_shared<const State::Device>(std::move(device))},
      ifd_socket_{std::move(ifd_socket)},
      connector_{std::move(connector)} {}

api::Client Agent::new_client() const {
  return api::Client{connector_->connect(device_->address()), device_->server.text, device_->key};
}

Result<std::vector<api::CardSummary>> Agent::cards() {
  return new_client().cards();
}

Result<api::CardSummary> Agent::find(const std::string& id_or_label) {
  CARDEA_TRY(auto all, cards());
  std::erase_if(all, [&](const auto& card) { return !named(card, id_or_label); });
  if (all.empty()) return fail(Errc::not_found, id_or_label + ": no such card for this workstation");
  if (all.size() > 1)
    return fail(Errc::conflict, id_or_label + ": several cards have this label; name one by its id");
  return std::move(all.front());
}

Result<InsertedCard::Status> Agent::insert(const std::string& id_or_label) {
  CARDEA_TRY(const auto card, find(id_or_label));
  std::shared_ptr<InsertedCard> inserted;
  {
    const std::lock_guard lock{mutex_};
    if (stopped_) return fail(Errc::unavailable, "the agent is stopping");
    auto& place = inserted_[card.id];
    if (!place || place->status().phase == Phase::refused) {
      place = std::make_shared<InsertedCard>(card, new_client(), device_, ifd_socket_, device_->proofs);
    }
    inserted = place;
  }
  auto status = inserted->wait_until_settled(kSettleLimit);
  if (status.phase == Phase::refused) {
    forget(card.id, inserted);
    return fail(Errc::denied, status.detail);
  }
  return status;
}

Result<void> Agent::eject(const std::string& id_or_label) {
  std::shared_ptr<InsertedCard> ejected;
  {
    const std::lock_guard lock{mutex_};
    const auto at = std::find_if(inserted_.begin(), inserted_.end(), [&](const auto& entry) {
      return named(entry.second->status().card, id_or_label);
    });
    if (at == inserted_.end()) return fail(Errc::not_found, id_or_label + ": no such card is inserted");
    ejected = std::move(at->second);
    inserted_.erase(at);
  }
  ejected->eject();
  (void)ejected->wait_until_over(std::chrono::steady_clock::now() + kFarewell);
  return {};
}

/// Unless another one has taken its place meanwhile.
void Agent::forget(const std::string& id, const std::shared_ptr<InsertedCard>& card) {
  const std::lock_guard lock{mutex_};
  const auto at = inserted_.find(id);
  if (at != inserted_.end() && at->second == card) inserted_.erase(at);
}

bool Agent::stopped_within(std::chrono::milliseconds limit) const {
  std::unique_lock lock{mutex_};
  return stopping_.wait_for(lock, limit, [this] { return stopped_; });
}

bool Agent::stop() {
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  decltype(inserted_) all;
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    all.swap(inserted_);
  }
  stopping_.notify_all();
  for (const auto& [id, card] : all)
    card->eject();
  bool over = true;
  for (const auto& [id, card] : all)
    over = card->wait_until_over(end) && over;
  return over;
}

std::vector<InsertedCard::Status> Agent::status() const {
  const std::lock_guard lock{mutex_};
  std::vector<InsertedCard::Status> out;
  out.reserve(inserted_.size());
  for (const auto& [id, card] : inserted_)
    out.push_back(card->status());
  return out;
}

}  // namespace cardea::agent

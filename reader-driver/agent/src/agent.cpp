#include "agent.h"

#include <algorithm>
#include <optional>

namespace cardea::agent {

namespace {

/// How long `insert` waits for the card to be in the reader before it reports where it stands.
constexpr std::chrono::seconds kSettleLimit{10};
/// How often `stop` looks whether all threads have let go.
constexpr std::chrono::milliseconds kLookAround{10};

bool named(const api::CardSummary& card, const std::string& id_or_label) {
  return card.id == id_or_label || card.label == id_or_label;
}

}  // namespace

bool among_all(const api::CardSummary& card) {
  if (card.state == "blank" || card.state == "issuing") return false;
  return card.opened_as != "registrar" || (card.state != "issued" && card.holder.empty());
}

Agent::Agent(State::Device device, Readers readers)
    : Agent{std::move(device), std::move(readers), api::make_system_connector()} {}

Agent::Agent(State::Device device, Readers readers, std::unique_ptr<api::HttpConnector> connector)
    : device_{std::make_shared<const State::Device>(std::move(device))},
      readers_{std::move(readers)},
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

/// Into the readers that it is in no more, or never was in.
void Agent::put_everywhere(const api::CardSummary& card, Everywhere& place) const {
  place.resize(readers_.size());
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (place[i] && place[i]->status().phase != Phase::refused) continue;
    // Each session owes proofs of its own.
    const auto proofs_of = i == 0 ? card.id : card.id + '-' + std::string{readers_[i]->kind()};
    place[i] = std::make_shared<InsertedCard>(card, new_client(), device_, readers_[i],
                                              std::make_unique<LateProofs>(device_->proofs, proofs_of));
  }
}

Result<InsertedCard::Status> Agent::insert(const std::string& id_or_label) {
  CARDEA_TRY(const auto card, find(id_or_label));
  return insert(card);
}

Result<InsertedCard::Status> Agent::insert(const api::CardSummary& card) {
  Everywhere inserted;
  {
    const std::lock_guard lock{mutex_};
    if (stopped_) return fail(Errc::unavailable, "the agent is stopping");
    auto& place = inserted_[card.id];
    put_everywhere(card, place);
    inserted = place;
  }
  const auto end = std::chrono::steady_clock::now() + kSettleLimit;
  std::optional<InsertedCard::Status> worst;
  for (const auto& one : inserted) {
    const auto left =
        std::max(end - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration{0});
    auto status = one->wait_until_settled(std::chrono::duration_cast<std::chrono::milliseconds>(left));
    if (status.phase == Phase::refused) {
      forget(card.id, inserted);
      return fail(Errc::denied, status.detail);
    }
    if (!worst || worst->phase == Phase::inserted) worst = std::move(status);
  }
  return *worst;
}

Result<void> Agent::eject(const std::string& id_or_label) {
  Everywhere ejected;
  {
    const std::lock_guard lock{mutex_};
    const auto at = std::find_if(inserted_.begin(), inserted_.end(), [&](const auto& entry) {
      return named(entry.second.front()->status().card, id_or_label);
    });
    if (at == inserted_.end()) return fail(Errc::not_found, id_or_label + ": no such card is inserted");
    ejected = std::move(at->second);
    inserted_.erase(at);
  }
  for (const auto& one : ejected)
    one->eject();
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  for (const auto& one : ejected)
    (void)one->wait_until_over(end);
  return {};
}

std::vector<std::shared_ptr<const InsertedCard>> Agent::inserted(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto at = inserted_.find(id);
  if (at == inserted_.end()) return {};
  return {at->second.begin(), at->second.end()};
}

/// Unless another one has taken its place meanwhile.
void Agent::forget(const std::string& id, const Everywhere& card) {
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
  for (const auto& [id, card] : all) {
    for (const auto& one : card)
      one->eject();
  }
  bool over = true;
  for (const auto& [id, card] : all) {
    for (const auto& one : card)
      over = one->wait_until_over(end) && over;
  }
  return over && let_go_by(end);
}

/// Those that were refused or ejected before are in no list any more; each thread has the device while it has
/// a way to the server.
bool Agent::let_go_by(std::chrono::steady_clock::time_point end) const {
  std::unique_lock lock{mutex_};
  while (device_.use_count() > 1 && std::chrono::steady_clock::now() < end)
    stopping_.wait_for(lock, kLookAround, [] { return false; });
  return device_.use_count() == 1;
}

std::vector<InsertedCard::Status> Agent::status() const {
  const std::lock_guard lock{mutex_};
  std::vector<InsertedCard::Status> out;
  for (const auto& [id, card] : inserted_) {
    for (const auto& one : card)
      out.push_back(one->status());
  }
  return out;
}

}  // namespace cardea::agent

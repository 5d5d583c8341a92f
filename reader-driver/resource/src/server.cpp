#include "cardea/resource/server.h"

#include <atomic>
#include <exception>

namespace cardea::resource {

namespace {

/// A transport that the server may shut down while the guest's thread has it.
class Lent final : public pcsc_link::Transport {
 public:
  explicit Lent(std::shared_ptr<pcsc_link::Transport> own) : own_{std::move(own)} {}

  Result<void> send(BytesView head, BytesView body) override { return own_->send(head, body); }
  Result<std::size_t> receive(std::span<std::uint8_t> into) override { return own_->receive(into); }
  Result<void> set_deadline(std::chrono::milliseconds limit) override { return own_->set_deadline(limit); }
  void shut_down() noexcept override { own_->shut_down(); }
  void abandon() noexcept override { own_->abandon(); }

 private:
  const std::shared_ptr<pcsc_link::Transport> own_;
};

}  // namespace

struct Server::Guest {
  std::shared_ptr<pcsc_link::Transport> transport;
  std::thread thread;
  std::atomic<bool> gone = false;
};

Server::Server(Manager& manager, std::unique_ptr<pcsc_link::Listener> listener, Log log)
    : manager_{manager}, listener_{std::move(listener)}, log_{std::move(log)}, door_{[this] {
        take_guests();
      }} {}

Server::~Server() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  listener_->shut_down();
  door_.join();
  see_off(true);
}

void Server::take_guests() {
  while (true) {
    auto accepted = listener_->accept();
    if (!accepted) return;
    see_off(false);
    const std::lock_guard lock{mutex_};
    if (stopping_) return;
    auto& guest = guests_.emplace_back();
    guest.transport = *std::move(accepted);
    guest.thread = std::thread{[this, &guest] {
      try {
        serve(manager_, std::make_unique<Lent>(guest.transport), log_);
      } catch (const std::exception& error) {
        log_(std::string{"a connection ended: "} + error.what());
      }
      guest.transport->shut_down();  // nobody answers here any more
      guest.gone = true;
    }};
  }
}

/// Waits for the threads of those who have gone; makes all of them go first, when asked to.
void Server::see_off(bool all) {
  std::list<Guest> leaving;
  {
    const std::lock_guard lock{mutex_};
    for (auto at = guests_.begin(); at != guests_.end();) {
      const auto next = std::next(at);
      if (all) at->transport->shut_down();
      if (all || at->gone) leaving.splice(leaving.end(), guests_, at);
      at = next;
    }
  }
  for (auto& guest : leaving)
    guest.thread.join();
}

}  // namespace cardea::resource

#include "cardea/resource/manager.h"

#include <thread>

#include "context.h"
#include "hub.h"

namespace cardea::resource {

/// The hub, and the thread that puts idle cards to sleep.
class Manager::Watched final {
 public:
  explicit Watched(Options options)
      : hub_{std::make_shared<Hub>(std::move(options))}, watch_{[hub = hub_](const std::stop_token& stop) {
          hub->watch_idle_cards(stop);
        }} {}

  [[nodiscard]] const std::shared_ptr<Hub>& hub() const { return hub_; }

 private:
  std::shared_ptr<Hub> hub_;
  std::jthread watch_;
};

Manager::Manager(Options options) : watched_{std::make_unique<Watched>(std::move(options))} {}

Manager::~Manager() {
  close();
}

std::string Manager::insert(std::shared_ptr<CardPort> card) {
  return watched_->hub()->insert(std::move(card));
}

void Manager::remove(const std::shared_ptr<CardPort>& card) {
  watched_->hub()->remove(card);
}

pcsc_link::Code Manager::establish(std::uint32_t scope, std::unique_ptr<Context>& out) {
  if (scope > pcsc_link::scope::kGlobal) return pcsc_link::code::kInvalidValue;
  const auto& hub = watched_->hub();
  {
    const Hub::Lock lock{hub->mutex};
    if (hub->closed) return pcsc_link::code::kNoService;
  }
  out = std::make_unique<HubContext>(hub);
  return pcsc_link::code::kSuccess;
}

void Manager::close() {
  watched_->hub()->close();
}

}  // namespace cardea::resource

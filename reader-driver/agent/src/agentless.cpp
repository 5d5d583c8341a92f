#include "cardea/agent/agentless.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "agent.h"
#include "cardea/resource/manager.h"
#include "manager_port.h"
#include "platform/files.h"
#include "state.h"

namespace cardea::agent {
namespace {

/// How long the first context waits for the cards: programs that do not wait for one themselves find it in
/// the reader, as a plastic one that was put in before.
constexpr std::chrono::seconds kCardsComeWithin{5};
constexpr std::chrono::seconds kLongestPause{10};

std::filesystem::path state_directory() {
  const char* named = std::getenv("CARDEA_STATE_DIR");  // NOLINT(concurrency-mt-unsafe): once, under a lock
  return named != nullptr && *named != '\0' ? std::filesystem::path{named} : default_state_directory();
}

/// All cards that are meant for this workstation, as by `run --insert all`; asked again until it has
/// answered.
void insert_all(Agent& agent, std::promise<void> done) {
  for (std::chrono::seconds pause{1};; pause = std::min(pause * 2, kLongestPause)) {
    const auto cards = agent.cards();
    if (cards) {
      for (const auto& card : *cards)
        if (among_all(card)) (void)agent.insert(card.id);
    }
    if (cards || cards.error().code != Errc::unavailable || agent.stopped_within(pause)) break;
  }
  done.set_value();
}

/// The agent of a process that has none. Never destroyed: its threads are in it.
struct Within {
  std::shared_ptr<resource::Manager> manager = std::make_shared<resource::Manager>();
  Agent agent;

  explicit Within(State::Device device) : agent{std::move(device), {make_manager_port(manager)}} {}
};

Result<Within*> start() {
  spdlog::set_level(spdlog::level::off);  // somebody else's program: its output is not ours
  CARDEA_TRY(auto device, State{state_directory()}.load());
  // Several programs share the state directory, and proofs kept there would be mixed up: a right PIN is
  // answered when its proof has arrived.
  device.proofs.clear();
  auto* const made =
      new Within{std::move(device)};  // NOLINT(cppcoreguidelines-owning-memory): lives for ever
  std::promise<void> done;
  auto inserted = done.get_future();
  std::thread{[made, done = std::move(done)]() mutable {
    try {
      insert_all(made->agent, std::move(done));
    } catch (const std::exception&) {
      // Without memory there are no cards; the readers are there.
    }
  }}.detach();
  (void)inserted.wait_for(kCardsComeWithin);
  return made;
}

}  // namespace

pcsc_link::Code open_agentless(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out) {
  static std::mutex mutex;
  static Within* within = nullptr;
  {
    const std::lock_guard lock{mutex};
    if (within == nullptr) within = start().value_or(nullptr);  // not enrolled: asked again next time
    if (within == nullptr) return pcsc_link::code::kNoService;
  }
  std::unique_ptr<resource::Context> context;
  const auto result = within->manager->establish(scope, context);
  out = std::move(context);
  return result;
}

}  // namespace cardea::agent

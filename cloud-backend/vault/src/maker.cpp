#include "maker.h"

#include <signal.h>
#include <sys/resource.h>

#include <utility>

namespace cardea::vault {

namespace {

constexpr int kLowestPriority = 19;

}  // namespace

Maker::Maker(Process::Start start, std::chrono::milliseconds generation)
    : start_{std::move(start)}, generation_{generation} {}

Result<wire::Reply> Maker::exchange(const wire::Request& request, const wire::Request& hello) {
  const std::lock_guard lock{in_use_};
  if (process_ && !process_->waiting()) drop();
  if (!process_) {
    CARDEA_TRY(process_, Process::spawn(start_));
    {
      const std::lock_guard for_rest{pid_mutex_};
      pid_ = process_->pid();
    }
    auto welcome = process_->exchange(hello);
    if (!welcome || welcome->error) drop();
    if (!welcome) return welcome;
    if (welcome->error) return tl::unexpected{std::move(*welcome->error)};
    // Only now: others wait for the end of a login.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(process_->pid()), kLowestPriority);
  }
  auto reply = process_->exchange(request, generation_);
  if (!reply || reply->leaving) drop();
  if (!reply) return fail(Errc::unavailable, reply.error().what);
  if (reply->error) return tl::unexpected{std::move(*reply->error)};
  return reply;
}

void Maker::rest() {
  if (const std::unique_lock lock{in_use_, std::try_to_lock}; lock) return drop();
  const std::lock_guard lock{pid_mutex_};
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

/// The number may be another process's once this one was waited for.
void Maker::drop() {
  {
    const std::lock_guard lock{pid_mutex_};
    pid_ = -1;
  }
  process_.reset();
}

}  // namespace cardea::vault

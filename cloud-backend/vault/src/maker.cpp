#include "maker.h"

#include <sys/resource.h>

#include <utility>

namespace cardea::vault {

namespace {

constexpr int kLowestPriority = 19;

}  // namespace

Maker::Maker(Process::Start start, std::chrono::milliseconds generation)
    : start_{std::move(start)}, generation_{generation} {}

Result<wire::Reply> Maker::exchange(const wire::Request& request, const wire::Request& hello) {
  if (process_ && !process_->waiting()) process_.reset();
  if (!process_) {
    CARDEA_TRY(auto process, Process::spawn(start_));
    CARDEA_TRY(auto welcome, process.exchange(hello));
    if (welcome.error) return tl::unexpected{std::move(*welcome.error)};
    // Only now: others wait for the end of a login.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(process.pid()), kLowestPriority);
    process_ = std::move(process);
  }
  auto reply = process_->exchange(request, generation_);
  if (!reply || reply->leaving) process_.reset();
  if (!reply) return fail(Errc::unavailable, reply.error().what);
  if (reply->error) return tl::unexpected{std::move(*reply->error)};
  return reply;
}

}  // namespace cardea::vault

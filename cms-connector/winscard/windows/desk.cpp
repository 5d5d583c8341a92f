#include "desk.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cardea/winscard/windows_changes.h"
#include "protocols.h"
#include "system_calls.h"

namespace cardea::winscard {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How often a wait that is to end is told so, until it has ended: it may not have begun yet.
constexpr milliseconds kInsist{10};

std::uint32_t count_as_state(std::size_t readers) {
  return static_cast<std::uint32_t>(readers) << 16U;
}

Watched notification(std::size_t readers) {
  Watched out;
  out.name = kPlugAndPlay;
  out.current = count_as_state(readers);
  return out;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// What a side says that is there, of a wait.
bool is_of_a_wait(Code result) {
  return result == code::kSuccess || result == code::kTimeout || result == code::kCancelled;
}

/// The group that every reader is in from the beginning (SCARD_DEFAULT_READERS).
constexpr const char* kEveryReader = "SCard$DefaultReaders";

/// The groups that a reader of ours is in.
bool wants_ours(const std::vector<std::string>& groups) {
  return groups.empty() || contains(groups, "SCard$AllReaders") || contains(groups, kEveryReader) ||
         contains(groups, "SCard$LocalReaders");
}

DWORD left_until(Clock::time_point end, DWORD timeout) {
  if (timeout == INFINITE) return INFINITE;
  const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
  return left <= 0 ? 0 : static_cast<DWORD>(left);
}

}  // namespace

std::shared_ptr<Desk::Context> Desk::find(SCARDCONTEXT context) const {
  const std::lock_guard lock{mutex_};
  const auto at = contexts_.find(context);
  return at == contexts_.end() ? nullptr : at->second;
}

bool Desk::is_context(SCARDCONTEXT context) const {
  return find(context) != nullptr;
}

SCARDCONTEXT Desk::system_context(SCARDCONTEXT context) const {
  const auto found = find(context);
  return found ? found->system.load() : 0;
}

Code Desk::establish(DWORD scope, SCARDCONTEXT& context) {
  auto made = std::make_shared<Context>();
  const Code ours = core_.establish(scope, made->ours);
  if (ours != code::kSuccess) made->ours = 0;
  SCARDCONTEXT real = 0;
  if (system::establish(scope, real) == code::kSuccess) made->system = real;
  if (made->ours == 0 && made->system == 0) return ours;
  (void)our_readers(*made);
  const std::lock_guard lock{mutex_};
  context = last_ += 4;
  contexts_.emplace(context, std::move(made));
  return code::kSuccess;
}

Code Desk::release(SCARDCONTEXT context) {
  std::shared_ptr<Context> ended;
  {
    const std::lock_guard lock{mutex_};
    const auto at = contexts_.find(context);
    if (at == contexts_.end()) return code::kInvalidHandle;
    ended = at->second;
    contexts_.erase(at);
    std::erase_if(cards_, [context](const auto& entry) { return entry.second.context == context; });
  }
  system::release(ended->system.exchange(0));
  return ended->ours == 0 ? code::kSuccess : core_.release(ended->ours);
}

/// Of a side that has gone, those that it had: calls for them say that there is no service.
std::vector<std::string> Desk::our_readers(Context& context) {
  if (context.ours == 0) return {};
  std::vector<std::string> names;
  const Code result = core_.list_readers(context.ours, names);
  const std::lock_guard lock{context.mutex};
  if (result == code::kSuccess || result == code::kNoReadersAvailable) {
    context.names = std::move(names);
  } else {
    context.ours_gone = true;
  }
  return context.names;
}

bool Desk::is_our_reader(SCARDCONTEXT context, const std::string& name) {
  const auto found = find(context);
  return found && contains(our_readers(*found), name);
}

Code Desk::list_readers(SCARDCONTEXT context, const std::vector<std::string>& groups,
                        std::vector<std::string>& names) {
  const auto found = find(context);
  if (!found) return code::kInvalidHandle;
  names = wants_ours(groups) ? our_readers(*found) : std::vector<std::string>{};
  if (found->ours_gone) names.clear();
  if (found->ours_gone && found->system == 0) return code::kNoService;
  std::vector<std::string> real;
  (void)system::list_readers(found->system, groups, real);
  for (auto& name : real) {
    if (!contains(names, name)) names.push_back(std::move(name));
  }
  return names.empty() ? code::kNoReadersAvailable : code::kSuccess;
}

Code Desk::list_groups(SCARDCONTEXT context, std::vector<std::string>& names) {
  names = {kEveryReader};
  SCARDCONTEXT there = 0;
  if (context != 0) {
    const auto found = find(context);
    if (!found) return code::kInvalidHandle;
    there = found->system;
    if (there == 0) return code::kSuccess;
  }
  std::vector<std::string> real;
  (void)system::list_groups(there, real);
  for (auto& name : real) {
    if (!contains(names, name)) names.push_back(std::move(name));
  }
  return code::kSuccess;
}

SCARDHANDLE Desk::keep(Route behind, SCARDCONTEXT context, const std::string& reader) {
  const std::lock_guard lock{mutex_};
  auto& count = transmitted_[reader];
  if (!count) count = std::make_shared<std::atomic<DWORD>>(0);
  behind.transmitted = count;
  const SCARDHANDLE card = last_ += 4;
  cards_.emplace(card, Card{std::move(behind), context});
  return card;
}

Code Desk::connect(SCARDCONTEXT context, const std::string& reader, DWORD share, DWORD protocols,
                   SCARDHANDLE& card, DWORD& active) {
  const auto found = find(context);
  if (!found) return code::kInvalidHandle;
  // Only of our own readers is it for us to judge protocols and modes.
  const bool is_ours = contains(our_readers(*found), reader);
  if (found->ours != 0 && (is_ours || found->system == 0)) {
    Handle ours = 0;
    std::uint32_t protocol = 0;
    const Code result = core_.connect(found->ours, reader, share, protocols_in(protocols), ours, protocol);
    active = protocol_out(protocol);
    if (result == code::kSuccess) card = keep({ours, 0}, context, reader);
    return result;
  }
  SCARDHANDLE real = 0;
  const Code result = system::connect(found->system, reader, share, protocols, real, active);
  if (result == code::kSuccess) card = keep({0, real}, context, reader);
  return result;
}

Code Desk::disconnect(SCARDHANDLE card, DWORD disposition) {
  const auto behind = route(card);
  if (!behind.is_ours() && behind.system == 0) return code::kInvalidHandle;
  const Code result = behind.is_ours() ? core_.disconnect(behind.ours, disposition)
                                       : system::disconnect(behind.system, disposition);
  if (result == code::kSuccess) {
    const std::lock_guard lock{mutex_};
    cards_.erase(card);
  }
  return result;
}

Desk::Route Desk::route(SCARDHANDLE card) const {
  const std::lock_guard lock{mutex_};
  const auto at = cards_.find(card);
  return at == cards_.end() ? Route{} : at->second.behind;
}

// ---- Waiting ----

/// Both sides as they are now, without waiting.
Code Desk::look(Context& context, std::span<Watched> watched, bool& changed) {
  const auto ours = our_readers(context);
  std::vector<std::string> all_real;
  (void)system::list_readers(context.system, {}, all_real);
  std::vector<Watched> here;
  std::vector<Watched> there;
  for (const auto& entry : watched) {
    if (is_plug_and_play(entry.name)) continue;
    (contains(ours, entry.name) ? here : there).push_back(entry);
  }
  Code result = code::kSuccess;
  if (!here.empty()) result = core_.status_change(context.ours, 0, here, kWindowsChanges);
  if (result != code::kSuccess && result != code::kTimeout) return result;
  if (!there.empty()) {
    result = system::status_change(context.system, 0, there);
    if (result == code::kUnknownReader) {
      // Some systems say it of the whole call: one by one, then.
      for (auto& entry : there) {
        if (system::status_change(context.system, 0, {&entry, 1}) == code::kUnknownReader)
          mark_unknown(entry);
      }
    } else if (result != code::kSuccess && result != code::kTimeout) {
      return result;
    }
  }
  const std::size_t count = all_real.size() + (context.ours_gone ? 0 : ours.size());
  auto next_here = here.begin();
  auto next_there = there.begin();
  for (auto& entry : watched) {
    if (is_plug_and_play(entry.name)) {
      judge_notification(entry, count);
    } else {
      entry = contains(ours, entry.name) ? *next_here++ : *next_there++;
    }
    changed = changed || (entry.event & watch::kChanged) != 0;
  }
  return code::kSuccess;
}

void Desk::wait_real(Context& context, DWORD timeout, std::span<Watched> there) {
  const Code result = system::status_change(context.system, timeout, there);
  // Its service has gone: from now on this context is ours alone.
  if (!is_of_a_wait(result)) context.system = 0;
}

/// Returns when either side may have news, the time is over, or somebody cancels. What it was is for `look`
/// to say.
void Desk::wait_either(Context& context, DWORD timeout, std::span<const Watched> watched) {
  const auto ours = our_readers(context);
  std::vector<std::string> all_real;
  (void)system::list_readers(context.system, {}, all_real);
  std::vector<Watched> here{notification(ours.size())};
  std::vector<Watched> there{notification(all_real.size())};
  for (const auto& entry : watched) {
    if (!is_plug_and_play(entry.name)) (contains(ours, entry.name) ? here : there).push_back(entry);
  }

  if (context.ours_gone) {
    wait_real(context, timeout, there);
    const std::lock_guard lock{context.mutex};
    context.waiting = false;
    context.over.notify_all();
    return;
  }
  std::atomic<bool> real_over{false};
  const SCARDCONTEXT real = context.system;
  std::thread real_wait{[&] {
    wait_real(context, timeout, there);
    real_over = true;
    std::unique_lock lock{context.mutex};
    while (context.waiting) {
      lock.unlock();
      (void)core_.cancel(context.ours);
      lock.lock();
      context.over.wait_for(lock, kInsist, [&] { return !context.waiting; });
    }
  }};
  if (!is_of_a_wait(core_.status_change(context.ours, timeout, here, kWindowsChanges)))
    context.ours_gone = true;
  std::unique_lock lock{context.mutex};
  context.waiting = false;
  context.over.notify_all();
  while (!real_over) {
    lock.unlock();
    system::cancel(real);
    lock.lock();
    context.over.wait_for(lock, kInsist, [&] { return real_over.load(); });
  }
  lock.unlock();
  real_wait.join();
}

Code Desk::merged_change(Context& context, DWORD timeout, std::span<Watched> watched) {
  const auto end = Clock::now() + milliseconds{timeout == INFINITE ? 0 : timeout};
  while (true) {
    if (context.system == 0)
      return core_.status_change(context.ours, left_until(end, timeout), watched, kWindowsChanges);
    bool changed = false;
    const Code result = look(context, watched, changed);
    if (result != code::kSuccess || changed) return result;
    const DWORD left = left_until(end, timeout);
    if (left == 0) return code::kTimeout;
    {
      const std::lock_guard lock{context.mutex};
      if (context.cancelled) return code::kCancelled;
      context.waiting = true;
    }
    wait_either(context, left, watched);
    const std::lock_guard lock{context.mutex};
    if (context.cancelled) return code::kCancelled;
  }
}

Code Desk::status_change(SCARDCONTEXT context, DWORD timeout, std::span<Watched> watched) {
  const auto found = find(context);
  if (!found) return code::kInvalidHandle;
  if (found->system == 0) return core_.status_change(found->ours, timeout, watched, kWindowsChanges);
  if (found->ours == 0) return system::status_change(found->system, timeout, watched);
  {
    const std::lock_guard lock{found->mutex};
    found->cancelled = false;
  }
  return merged_change(*found, timeout, watched);
}

/// Says so until the wait is over: it may be between two looks.
Code Desk::cancel(SCARDCONTEXT context) {
  const auto found = find(context);
  if (!found) return code::kInvalidHandle;
  std::unique_lock lock{found->mutex};
  found->cancelled = true;
  do {
    lock.unlock();
    if (found->ours != 0) (void)core_.cancel(found->ours);
    system::cancel(found->system);
    lock.lock();
  } while (!found->over.wait_for(lock, kInsist, [&] { return !found->waiting; }));
  return code::kSuccess;
}

}  // namespace cardea::winscard

#include "cardea/winscard/core.h"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace cardea::winscard {

using pcsc_link::Connected;
using pcsc_link::ReaderList;
using pcsc_link::ReaderRecord;

namespace {

using Clock = std::chrono::steady_clock;

constexpr Handle kLargestHandle = 0x7FFFFFFF;

/// What is left of a limit in milliseconds, rounded up; a limit that never comes stays one.
std::uint32_t left_of(std::uint32_t limit, Clock::time_point since) {
  if (limit == pcsc_link::kInfinite) return limit;
  const auto end = since + std::chrono::milliseconds{limit};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, limit));
}

}  // namespace

/// A context: `session` is used with `in_call` held, except to cancel and to abandon.
struct Core::Context {
  std::unique_ptr<pcsc_link::Session> session;
  std::mutex in_call;
  bool released = false;  // guarded by in_call

  std::mutex waits;
  std::uint32_t call = 0;     // guarded by waits; number of the last wait
  bool waiting = false;       // guarded by waits
  bool cancelled = false;     // guarded by waits; the wait under way
  bool none_further = false;  // guarded by waits; the context is being released

  /// Ends the wait under way.
  void cancel() {
    const std::lock_guard lock{waits};
    if (!waiting || cancelled) return;
    cancelled = true;
    session->cancel(call);
  }

  [[nodiscard]] bool was_cancelled() {
    const std::lock_guard lock{waits};
    return cancelled;
  }

  Code watch(std::uint32_t timeout, std::span<Watched> watched, const ChangePolicy& policy);
  Code look_until_changed(std::uint32_t timeout, std::span<Watched> watched, const ChangePolicy& policy);
};

Code Core::Context::watch(std::uint32_t timeout, std::span<Watched> watched, const ChangePolicy& policy) {
  {
    const std::lock_guard lock{waits};
    if (none_further) return code::kCancelled;
    waiting = true;
    cancelled = false;
    ++call;
  }
  const auto outcome = look_until_changed(timeout, watched, policy);
  const std::lock_guard lock{waits};
  waiting = false;
  return outcome;
}

Code Core::Context::look_until_changed(std::uint32_t timeout, std::span<Watched> watched,
                                       const ChangePolicy& policy) {
  const auto began = Clock::now();
  ReaderList now;
  if (const auto got = session->readers(now); got != code::kSuccess) return got;
  if (const auto admitted = policy.admit(watched, now); admitted != code::kSuccess) return admitted;
  auto before = now;
  while (true) {
    if (policy.judge(watched, before, now)) return code::kSuccess;
    if (was_cancelled()) return code::kCancelled;
    before = now;
    const auto waited = session->wait(call, before.generation, left_of(timeout, began), now);
    if (was_cancelled()) return code::kCancelled;
    if (waited != code::kSuccess) return waited;
  }
}

Core::Core(OpenSession open) : open_{std::move(open)} {}

Core::~Core() = default;

Handle Core::new_handle() {
  do {
    last_ = last_ >= kLargestHandle ? 1 : last_ + 1;
  } while (contexts_.contains(last_) || cards_.contains(last_));
  return last_;
}

std::shared_ptr<Core::Context> Core::find_context(Handle context) const {
  const std::lock_guard lock{table_};
  const auto at = contexts_.find(context);
  return at == contexts_.end() ? nullptr : at->second;
}

Core::Card Core::find_card(Handle card) const {
  const std::lock_guard lock{table_};
  const auto at = cards_.find(card);
  return at == cards_.end() ? Card{} : at->second;
}

/// Runs `call(session, id)` when it is the handle's turn.
template <class Call>
Code Core::with_card(Handle card, Call call) {
  const auto found = find_card(card);
  if (!found.context) return code::kInvalidHandle;
  const std::lock_guard lock{found.context->in_call};
  if (found.context->released) return code::kInvalidHandle;
  return call(*found.context->session, found.id);
}

Code Core::establish(std::uint32_t scope, Handle& context) {
  auto made = std::make_shared<Context>();
  if (const auto opened = open_(scope, made->session); opened != code::kSuccess) return opened;
  const std::lock_guard lock{table_};
  context = new_handle();
  contexts_.emplace(context, std::move(made));
  return code::kSuccess;
}

Code Core::release(Handle context) {
  const auto found = find_context(context);
  if (!found) return code::kInvalidHandle;
  {
    const std::lock_guard lock{found->waits};
    found->none_further = true;
  }
  found->cancel();
  const std::lock_guard busy{found->in_call};
  if (found->released) return code::kInvalidHandle;
  found->released = true;
  {
    const std::lock_guard lock{table_};
    contexts_.erase(context);
    std::erase_if(cards_, [&](const auto& entry) { return entry.second.context == found; });
  }
  const auto answer = found->session->release();
  found->session.reset();
  return answer;
}

bool Core::is_context(Handle context) const {
  return find_context(context) != nullptr;
}

bool Core::is_card(Handle card) const {
  return find_card(card).context != nullptr;
}

Code Core::list_readers(Handle context, std::vector<std::string>& names) {
  const auto found = find_context(context);
  if (!found) return code::kInvalidHandle;
  const std::lock_guard lock{found->in_call};
  if (found->released) return code::kInvalidHandle;
  ReaderList list;
  if (const auto got = found->session->readers(list); got != code::kSuccess) return got;
  for (auto& reader : list.readers)
    names.push_back(std::move(reader.name));
  return names.empty() ? code::kNoReadersAvailable : code::kSuccess;
}

Code Core::connect(Handle context, const std::string& reader, std::uint32_t share, std::uint32_t protocols,
                   Handle& card, std::uint32_t& active) {
  const auto found = find_context(context);
  if (!found) return code::kInvalidHandle;
  const std::lock_guard lock{found->in_call};
  if (found->released) return code::kInvalidHandle;
  Connected connected;
  const auto outcome = found->session->connect(reader, share, protocols, connected);
  active = connected.protocol;
  if (outcome != code::kSuccess) return outcome;
  const std::lock_guard tables{table_};
  card = new_handle();
  cards_.emplace(card, Card{found, connected.card});
  return outcome;
}

Code Core::reconnect(Handle card, std::uint32_t share, std::uint32_t protocols, std::uint32_t initialization,
                     std::uint32_t& active) {
  return with_card(card, [&](auto& session, auto id) {
    Connected connected;
    const auto outcome = session.reconnect(id, share, protocols, initialization, connected);
    active = connected.protocol;
    return outcome;
  });
}

Code Core::disconnect(Handle card, std::uint32_t disposition) {
  return with_card(card, [&](auto& session, auto id) {
    const auto outcome = session.disconnect(id, disposition);
    if (outcome == code::kSuccess) {
      const std::lock_guard lock{table_};
      cards_.erase(card);
    }
    return outcome;
  });
}

Code Core::begin(Handle card) {
  return with_card(card, [](auto& session, auto id) { return session.begin(id); });
}

Code Core::end(Handle card, std::uint32_t disposition) {
  return with_card(card, [&](auto& session, auto id) { return session.end(id, disposition); });
}

Code Core::status(Handle card, CardStatus& out) {
  return with_card(card, [&](auto& session, auto id) {
    ReaderRecord record;
    const auto outcome = session.status(id, true, record);
    if (outcome == code::kSuccess) {
      out = {std::move(record.name), record.state, record.events, record.protocol, std::move(record.atr)};
    }
    return outcome;
  });
}

Code Core::status_change(Handle context, std::uint32_t timeout, std::span<Watched> watched,
                         const ChangePolicy& policy) {
  const auto found = find_context(context);
  if (!found) return code::kInvalidHandle;
  const std::lock_guard lock{found->in_call};
  if (found->released) return code::kInvalidHandle;
  return found->watch(timeout, watched, policy);
}

Code Core::cancel(Handle context) {
  const auto found = find_context(context);
  if (!found) return code::kInvalidHandle;
  found->cancel();
  return code::kSuccess;
}

Code Core::control(Handle card, std::uint32_t control_code, BytesView input, Bytes& out) {
  return with_card(card,
                   [&](auto& session, auto id) { return session.control(id, control_code, input, out); });
}

Code Core::attribute(Handle card, std::uint32_t id, Attribute& out) {
  return with_card(card, [&](auto& session, auto connection) {
    ReaderRecord record;
    const auto outcome = session.status(connection, false, record);
    return outcome == code::kSuccess ? attribute_of(record, id, out) : outcome;
  });
}

Code Core::set_attribute(Handle card, std::uint32_t id) {
  Attribute value;
  const auto outcome = attribute(card, id, value);
  return outcome == code::kSuccess || outcome == code::kUnsupportedFeature ? code::kNotTransacted : outcome;
}

Code Core::transmit(Handle card, std::uint32_t protocol, BytesView command, pcsc_link::Transmitted& out) {
  return with_card(card,
                   [&](auto& session, auto id) { return session.transmit(id, protocol, command, out); });
}

void Core::after_fork_in_child() {
  // A call of the parent may be under way in any of them: their locks stay as they are.
  for (auto& [handle, context] : contexts_) {
    if (context->session) context->session->abandon();
    of_parent_.push_back(std::move(context));
  }
  for (auto& [handle, card] : cards_)
    of_parent_.push_back(std::move(card.context));
  contexts_.clear();
  cards_.clear();
  table_.unlock();
}

}  // namespace cardea::winscard

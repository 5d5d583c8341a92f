#pragma once

#include <exception>
#include <new>

#include "desk.h"
#include "system_winscard.h"

namespace cardea::winscard {

/// The one of this process: made at the first call, never destroyed, for threads may be in it when the
/// process ends.
Desk& desk();

/// How contexts are opened: at the agent of this user; where none runs, in this process
/// (cardea/agent/agentless.h).
Code open_session(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out);

/// Runs `body`; whatever goes wrong becomes a code. Nothing throws across this boundary.
template <class Body>
LONG guarded(Body body) noexcept {
  try {
    return static_cast<LONG>(body());
  } catch (const std::bad_alloc&) {
    return static_cast<LONG>(code::kNoMemory);
  } catch (...) {
    return static_cast<LONG>(code::kInternalError);
  }
}

template <class T>
void set(T* out, T value) {
  if (out != nullptr) *out = value;
}

/// Runs `here` for a card of ours, `there` for one of the system.
template <class Here, class There>
LONG on_card(SCARDHANDLE card, Here here, There there) {
  return guarded([&]() -> Code {
    const auto behind = desk().route(card);
    if (behind.is_ours()) return here(behind);
    return behind.system == 0 ? code::kInvalidHandle : static_cast<Code>(there(behind.system));
  });
}

/// Of a system that is too old for what it is asked.
inline constexpr LONG kNoSuchFunction = static_cast<LONG>(code::kUnsupportedFeature);

/// Hands a call that is about real readers, or about Windows' own database of cards, to the system's function
/// of this name, in the system's context behind ours. `otherwise` where there is neither. No context (0) is
/// none there, too: what it means differs from function to function.
#define CARDEA_PASS_ON(name, context, otherwise, ...)                                    \
  ::cardea::winscard::guarded([&]() -> ::cardea::winscard::Code {                        \
    if ((context) != 0 && !::cardea::winscard::desk().is_context(context))               \
      return ::cardea::winscard::code::kInvalidHandle;                                   \
    const auto real = ::cardea::winscard::desk().system_context(context);                \
    const auto call = CARDEA_SYSTEM_FUNCTION(name);                                      \
    if (call == nullptr || ((context) != 0 && real == 0)) return otherwise;              \
    return static_cast<::cardea::winscard::Code>(call(real __VA_OPT__(, ) __VA_ARGS__)); \
  })

}  // namespace cardea::winscard

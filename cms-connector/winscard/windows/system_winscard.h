#pragma once

#include <type_traits>

#include "winscard_api.h"

namespace cardea::winscard {

/// The winscard.dll of the system, whose readers are real. Where it is: the environment's
/// CARDEA_SYSTEM_WINSCARD, the value SystemWinscard of HKLM\SOFTWARE\Cardea, or winscard.dll of the system
/// directory.
class SystemWinscard {
 public:
  /// Loaded at the first call, and for ever. Null when there is none, or it is this very DLL.
  static const SystemWinscard* get();

  /// A function of it, typed as the one of this name here; null when it has none.
  template <class Function>
  [[nodiscard]] Function* find(const char* name) const {
    // NOLINTNEXTLINE(*-reinterpret-cast): how Windows hands out functions
    return reinterpret_cast<Function*>(reinterpret_cast<void*>(::GetProcAddress(library_, name)));
  }

 private:
  explicit SystemWinscard(HMODULE library) : library_{library} {}
  static HMODULE load();

  HMODULE library_;
};

/// The system's function of this name, or null.
#define CARDEA_SYSTEM_FUNCTION(name)                    \
  (::cardea::winscard::SystemWinscard::get() == nullptr \
       ? nullptr                                        \
       : ::cardea::winscard::SystemWinscard::get()->find<std::remove_pointer_t<decltype(&::name)>>(#name))

}  // namespace cardea::winscard

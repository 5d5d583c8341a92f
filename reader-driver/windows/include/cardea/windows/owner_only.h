#pragma once

#include <windows.h>

#include <memory>
#include <string>

#include "cardea/result.h"

namespace cardea::windows {

/// The security of a new file, directory or pipe that only this process's user and the system may open.
/// Nothing is inherited from above. Errors: `unavailable`.
class OwnerOnly {
 public:
  static Result<OwnerOnly> make();

  /// For Create… functions; as long as this lives.
  [[nodiscard]] SECURITY_ATTRIBUTES* attributes() { return &attributes_; }
  [[nodiscard]] PSECURITY_DESCRIPTOR descriptor() const { return descriptor_.get(); }

 private:
  struct Free {
    void operator()(void* memory) const { ::LocalFree(memory); }
  };

  std::unique_ptr<void, Free> descriptor_;
  SECURITY_ATTRIBUTES attributes_{};
};

/// The security identifier of a process's user in text, S-1-5-…; that of this process by default. Empty when
/// it is not told.
std::string user_of(HANDLE process = ::GetCurrentProcess());

}  // namespace cardea::windows

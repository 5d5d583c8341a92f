#pragma once

#include <mutex>
#include <optional>

#include "process.h"

namespace cardea::vault {

/// A signer of its own for keys that nobody waits for, of the lowest priority, so that an RSA key in the
/// making neither keeps a worker of the pool busy nor takes the processor from it. For one thread, which
/// lives as long as this does.
class Maker {
 public:
  Maker(Process::Start start, std::chrono::milliseconds generation);

  /// Starts the signer where it does not run; `hello` is said to it then. Errors: `unavailable`, that of the
  /// hello, those in the reply.
  Result<wire::Reply> exchange(const wire::Request& request, const wire::Request& hello);
  /// Ends the signer; from any thread, and also while it logs in or makes a key. One that is started a moment
  /// later runs.
  void rest();

 private:
  void drop();

  Process::Start start_;
  std::chrono::milliseconds generation_;
  std::mutex in_use_;
  std::optional<Process> process_;
  std::mutex pid_mutex_;
  pid_t pid_ = -1;  ///< of a process that was not waited for yet
};

}  // namespace cardea::vault

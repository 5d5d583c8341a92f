#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "cardea/result.h"
#include "cardea/vault/worker_protocol.h"

namespace cardea::vault {

/// One running `cardea-signer`. The destructor ends it and waits for that.
class Process {
 public:
  struct Start {
    std::filesystem::path program;
    std::vector<std::string> environment;  ///< all of it: nothing of the server's own goes to the worker
    std::chrono::milliseconds timeout{10'000};
  };

  /// Call from a thread that lives as long as the process: the kernel ends the child with the thread that
  /// made it. Errors: `not_found` when there is no such program; `unavailable`.
  static Result<Process> spawn(const Start& start);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process() { end(); }

  /// One request, one reply, within the time that `spawn` was told. An error of this function means that the
  /// process is of no more use; one inside the reply does not.
  Result<wire::Reply> exchange(const wire::Request& request);
  /// The same within another time.
  Result<wire::Reply> exchange(const wire::Request& request, std::chrono::milliseconds limit);

  /// False once the process has ended, or speaks without being asked: it is of no more use then.
  [[nodiscard]] bool waiting() const;

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  Process(pid_t pid, int descriptor, std::chrono::milliseconds limit)
      : pid_{pid}, descriptor_{descriptor}, limit_{limit} {}
  void end() noexcept;

  pid_t pid_;
  int descriptor_;
  std::chrono::milliseconds limit_;  ///< as it is set on the descriptor
};

}  // namespace cardea::vault

#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "state.h"

namespace cardea::agent {

/// `cardea-agent recovery …`: what a holder leaves behind for the day the PIN is forgotten, and the way back
/// in. Needs no running agent.
class RecoveryVerbs {
 public:
  explicit RecoveryVerbs(CLI::App& app);
  RecoveryVerbs(const RecoveryVerbs&) = delete;
  RecoveryVerbs& operator=(const RecoveryVerbs&) = delete;
  ~RecoveryVerbs();

  /// Whether the command line was about recovery.
  [[nodiscard]] bool chosen() const;
  /// Does it and prints. Errors: `unavailable` where the server is not reached; all others are refusals, or
  /// input that cannot be used.
  Result<void> run(const State& state);

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace cardea::agent

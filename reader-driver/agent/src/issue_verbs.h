#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "state.h"

namespace cardea::agent {

/// `cardea-agent issue …`: shows one blank card after the other to a card management system. Speaks to the
/// running agent; what it prints is described in README.md.
class IssueVerbs {
 public:
  explicit IssueVerbs(CLI::App& app);
  IssueVerbs(const IssueVerbs&) = delete;
  IssueVerbs& operator=(const IssueVerbs&) = delete;
  ~IssueVerbs();

  /// Whether the command line was about issuing.
  [[nodiscard]] bool chosen() const;

  static constexpr int kUsage = 2;
  /// Exit status: cards are left half-issued, to be resumed.
  static constexpr int kHalfIssued = 4;

  /// Does it and prints; the exit status. Errors: those of the agent and, through it, of the server.
  Result<int> run(const State& state);

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace cardea::agent

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cardea/result.h"

namespace cardea::cms::ca {

/// A program to be run. What it is told is public: secrets go into files that it reads.
struct Process {
  std::string name;                      ///< how sentences call it: "the CA command"
  std::vector<std::string> arguments;    ///< the program first; found by PATH
  std::vector<std::string> environment;  ///< "NAME=value"; no other CARDEA_ variable reaches it
  std::string input;                     ///< on its standard input
  std::chrono::milliseconds deadline{120000};
  bool keep_errors = false;  ///< its standard error is returned and not passed on
  std::size_t most_output = 262144;
};

/// How it ended: `status` is its exit code.
struct Ended {
  int status = 0;
  std::string output, errors;
};

/// The arguments that have a shell run a command line.
std::vector<std::string> shell(const std::string& line);

/// Runs it to its end. Errors: `unavailable` (cannot be started, not done in time; then it and what it
/// started are killed), `corrupt` (too much output), `denied` (ended by a signal).
Result<Ended> run_process(const Process& process);

}  // namespace cardea::cms::ca

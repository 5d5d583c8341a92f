#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cardea/cms/perso/issue.h"
#include "options.h"

namespace cardea::cms::cli {

/// What a run ends with.
struct Summary {
  Verb verb = Verb::issue;
  bool dry_run = false;
  std::string state_file;
  std::vector<std::string> remarks;  ///< warnings, or what could not be undone
  std::chrono::milliseconds took{0};
};

void print_summary(const Summary& summary, const perso::State& state, const perso::Plan& plan, bool json);
void print_failure(const Summary& summary, const perso::Failure& failure, bool json, bool resumable);

}  // namespace cardea::cms::cli

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

/// The end of a verb that keeps no state: says why it failed, also as a document where that is wanted; the
/// exit code.
int end_with(const perso::Failure& failure, bool json);

}  // namespace cardea::cms::cli

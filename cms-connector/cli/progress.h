#pragma once

#include <chrono>
#include <ostream>

#include "cardea/cms/perso/issue.h"

namespace cardea::cms::cli {

/// `[ 7/25] 9C generate RSA-2048 … ok 412 ms`
class LiveProgress final : public perso::Progress {
 public:
  explicit LiveProgress(std::ostream& out) : out_{out} {}
  void begin(std::size_t number, std::size_t count, const std::string& title) override;
  void done(const std::string& note) override;
  void failed() override;

 private:
  std::ostream& out_;
  std::chrono::steady_clock::time_point began_;
};

/// Titles only: the dry run's card and authority say the rest.
class DryRunProgress final : public perso::Progress {
 public:
  explicit DryRunProgress(std::ostream& out) : out_{out} {}
  void begin(std::size_t number, std::size_t count, const std::string& title) override;
  void done(const std::string&) override {}
  void failed() override {}

 private:
  std::ostream& out_;
};

}  // namespace cardea::cms::cli

#include "progress.h"

#include <iomanip>

namespace cardea::cms::cli {

namespace {

void title_line(std::ostream& out, std::size_t number, std::size_t count, const std::string& title) {
  const auto width = static_cast<int>(std::to_string(count).size());
  out << "[" << std::setw(width) << number << "/" << count << "] " << title;
}

}  // namespace

void LiveProgress::begin(std::size_t number, std::size_t count, const std::string& title) {
  title_line(out_, number, count, title);
  out_ << " … " << std::flush;
  began_ = std::chrono::steady_clock::now();
}

void LiveProgress::done(const std::string& note) {
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
  out_ << (note.empty() ? "ok" : note) << " " << took.count() << " ms\n" << std::flush;
}

void LiveProgress::failed() {
  out_ << "failed\n" << std::flush;
}

void DryRunProgress::begin(std::size_t number, std::size_t count, const std::string& title) {
  title_line(out_, number, count, title);
  out_ << "\n";
}

}  // namespace cardea::cms::cli

#include "cardea/test/medium.h"

namespace cardea::test {

void Medium::fail_after(unsigned n, Failure kind) {
  const auto held = lock();
  countdown_ = n;
  kind_ = kind;
}

void Medium::revive() {
  const auto held = lock();
  countdown_ = 0;
  dead_ = false;
}

bool Medium::failure_pending() const {
  const auto held = lock();
  return countdown_ != 0;
}

std::uint64_t Medium::generation() const {
  const auto held = lock();
  return generation_;
}

std::uint64_t Medium::steps() const {
  const auto held = lock();
  return steps_;
}

Result<void> Medium::step() {
  const auto held = lock();
  if (dead_) return fail(Errc::unavailable, "the store has crashed (planned by the test)");
  if (countdown_ != 0 && --countdown_ == 0) {
    dead_ = kind_ == Failure::crashed;
    return fail(Errc::unavailable, "the store fails here (planned by the test)");
  }
  ++generation_;
  ++steps_;
  return {};
}

}  // namespace cardea::test

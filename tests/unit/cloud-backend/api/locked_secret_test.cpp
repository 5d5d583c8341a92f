#include "cardea/api/locked_secret.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

namespace cardea::api {
namespace {

// Sanitizers turn mlock into nothing: their shadow memory could not be locked. Windows does not tell what is
// locked.
#if defined(_WIN32) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kUncountable = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kUncountable = true;
#else
constexpr bool kUncountable = false;
#endif
#else
constexpr bool kUncountable = false;
#endif

long locked_kib() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmLck:")) return std::stol(line.substr(6));
  }
  return -1;
}

}  // namespace

TEST_CASE("a locked secret is in locked memory, moves, and is gone afterwards") {
  auto secret = LockedSecret::of(Bytes(32, 0x5A)).value();
  if (!kUncountable) CHECK(locked_kib() >= 16);
  CHECK(to_bytes(secret.expose()) == Bytes(32, 0x5A));
  auto moved = std::move(secret);
  CHECK(secret.empty());  // NOLINT(bugprone-use-after-move): that is the question
  CHECK(moved.size() == 32);
  const auto* const slot = moved.expose().data();
  moved = LockedSecret{};
  CHECK(moved.empty());
  // The page stays mapped: what was there is zeroes.
  CHECK(to_bytes({slot, 32}) == Bytes(32));
}

TEST_CASE("slots go round: a thousand secrets need no more than there are at once") {
  std::vector<LockedSecret> some;
  for (unsigned i = 0; i < 300; ++i)
    some.push_back(LockedSecret::of(Bytes(64, static_cast<std::uint8_t>(i))).value());
  for (unsigned i = 0; i < 300; ++i)
    CHECK(some[i].expose()[63] == static_cast<std::uint8_t>(i));
  const auto locked = locked_kib();
  for (unsigned i = 0; i < 1000; ++i)
    some[i % 300] = LockedSecret::of(Bytes(64, 1)).value();
  CHECK(locked_kib() == locked);
}

TEST_CASE("nothing is nothing, and 65 octets are too many") {
  CHECK(LockedSecret::of({}).value().empty());
  CHECK(LockedSecret::of(Bytes(65)).error() == Error{Errc::invalid, "a locked secret has at most 64 octets"});
}

}  // namespace cardea::api

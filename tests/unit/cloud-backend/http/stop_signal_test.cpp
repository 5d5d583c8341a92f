#include "cardea/http/stop_signal.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>

using namespace cardea;

TEST_CASE("stop signal: it leaves errno to the thread that it meets, and many of them block nobody") {
  const auto stop = http::StopSignal::arm();
  REQUIRE(stop);
  constexpr int kMoreThanAPipeHolds = 70'000;
  errno = EDOM;
  for (int i = 0; i < kMoreThanAPipeHolds; ++i)
    if (std::raise(SIGTERM) != 0) FAIL("raise");
  CHECK(errno == EDOM);
  stop->wait();
}

#include "cardea/http/stop_signal.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace cardea::http {

namespace {

std::array<int, 2> stop_pipe{-1, -1};

/// In whichever thread the signal has met: its errno stays as it was, and a full pipe stops nobody.
void on_signal(int) {
  const int before = errno;
  const char octet = 0;
  (void)!::write(stop_pipe[1], &octet, 1);
  errno = before;
}

bool handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // NOLINT(cppcoreguidelines-pro-type-union-access): the system's interface
  action.sa_flags = SA_RESTART;
  (void)sigemptyset(&action.sa_mask);
  return ::sigaction(number, &action, nullptr) == 0;
}

/// The lowest free number is given out first, so the first above the three says that they are taken.
bool hold_standard_streams() {
  int lowest = 0;
  do {
    lowest = ::open("/dev/null", O_RDWR);  // not O_CLOEXEC: signers get them, too
  } while (lowest >= 0 && lowest <= STDERR_FILENO);
  if (lowest >= 0) ::close(lowest);
  return lowest >= 0;
}

}  // namespace

Result<StopSignal> StopSignal::arm() {
  if (!hold_standard_streams() || ::pipe2(stop_pipe.data(), O_CLOEXEC) != 0 ||
      ::fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK) != 0 || !handle(SIGTERM, on_signal) ||
      !handle(SIGINT, on_signal) || !handle(SIGPIPE, SIG_IGN)) {
    return fail(Errc::unavailable, "signals cannot be caught, or /dev/null cannot be opened");
  }
  return StopSignal{};
}

void StopSignal::wait() const {
  char octet = 0;
  while (::read(stop_pipe[0], &octet, 1) < 0) {
  }
}

}  // namespace cardea::http

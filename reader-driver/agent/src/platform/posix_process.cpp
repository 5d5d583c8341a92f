#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigwait is POSIX
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "process.h"

namespace cardea::agent {
namespace {

sigset_t ending_signals() {
  sigset_t ending{};
  sigemptyset(&ending);
  for (const int number : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&ending, number);
  return ending;
}

}  // namespace

std::vector<std::string> command_line(int argc, char** argv) {
  return {argv, argv + argc};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "workstation";
}

void guard_memory() {
  const rlimit no_core{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  (void)::prctl(PR_SET_DUMPABLE, 0);
}

/// Before there are threads, so that all of them leave these signals to `wait`.
StopSignal::StopSignal() {
  // What is opened next must not get the number of a standard stream that is closed, and with it the log.
  int lowest = 0;
  do {
    lowest = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (lowest >= 0 && lowest <= STDERR_FILENO);
  if (lowest >= 0) ::close(lowest);
  const auto ending = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  (void)::signal(SIGPIPE, SIG_IGN);
}

StopSignal::~StopSignal() = default;

std::string StopSignal::wait() {
  const auto ending = ending_signals();
  int number = 0;
  ::sigwait(&ending, &number);
  return "signal " + std::to_string(number);
}

void StopSignal::raise() {
  ::kill(::getpid(), SIGTERM);
}

}  // namespace cardea::agent

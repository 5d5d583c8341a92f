#include "interrupt.h"

#include <csignal>

namespace cardea::cms::cli {

namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_signal(int number) {
  g_interrupted = 1;
  (void)std::signal(number, SIG_DFL);
}

}  // namespace

void listen_for_signals() {
  (void)std::signal(SIGINT, &on_signal);
  (void)std::signal(SIGTERM, &on_signal);
  (void)std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
  return g_interrupted != 0;
}

}  // namespace cardea::cms::cli

#pragma once

#include <csignal>

namespace cardea::test {

/// One at namespace scope of a test program in which OpenSSL writes to sockets of its own: its BIO knows no
/// MSG_NOSIGNAL, and whichever side of a test leaves first would end the whole program. The daemons ignore
/// the signal as well (http/stop_signal.h).
struct IgnoreBrokenPipe {
  IgnoreBrokenPipe() { (void)std::signal(SIGPIPE, SIG_IGN); }
};

}  // namespace cardea::test

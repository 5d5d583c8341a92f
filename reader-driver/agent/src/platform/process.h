#pragma once

#include <string>
#include <vector>

namespace cardea::agent {

/// The command line in UTF-8, the program's name included.
std::vector<std::string> command_line(int argc, char** argv);

/// How this machine calls itself.
std::string host_name();

/// Keeps what is in this process's memory out of files that a crash leaves, and from other programs of its
/// user where the system can: the device key and PINs on their way are in it.
void guard_memory();

/// What ends the daemon: SIGTERM, SIGINT and SIGHUP; on Windows Ctrl-C, Ctrl-Break, the window that is
/// closed, log-off and shut-down. Made before there are threads; there is one in a process.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal();

  /// Waits for one; its name, for the log.
  std::string wait();
  /// As if one had come. Any thread.
  void raise();
};

}  // namespace cardea::agent

#include "cardea/cms/ca/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace cardea::cms::ca {

namespace {

using Clock = std::chrono::steady_clock;

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::vector<std::string> environment(const Process& process) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::string_view{*entry}.substr(0, 7) != "CARDEA_") out.emplace_back(*entry);
  }
  out.insert(out.end(), process.environment.begin(), process.environment.end());
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<pid_t> start(const Process& process, int input, int output, int errors) {
  std::vector<std::string> variables = environment(process);
  std::vector<std::string> words = process.arguments;
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (errors >= 0) posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  // A process group of its own, so that a deadline ends whatever the command started, too.
  posix_spawnattr_t attributes{};
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t child = 0;
  const int rc = posix_spawnp(&child, words.front().c_str(), &actions, &attributes, pointers(words).data(),
                              pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0)
    return fail(Errc::unavailable,
                process.name + " cannot be started: " + std::generic_category().message(rc));
  return child;
}

/// Reads to the end, or to the deadline.
Result<std::string> read_to_end(const Process& process, int fd, Clock::time_point until) {
  std::string out;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Errc::unavailable, process.name + " did not answer in time");
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n <= 0) return out;
    out.append(piece.data(), static_cast<std::size_t>(n));
    if (out.size() > process.most_output)
      return fail(Errc::corrupt, process.name + " wrote far more than was asked for");
  }
}

/// What was written to a memory file, at most 64 KiB of it.
std::string content(int fd) {
  constexpr std::size_t kMost = 65536;
  std::string out(kMost, '\0');
  const ssize_t n = ::pread(fd, out.data(), out.size(), 0);
  out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return out;
}

}  // namespace

std::vector<std::string> shell(const std::string& line) {
  return {"/bin/sh", "-c", line};
}

Result<Ended> run_process(const Process& process) {
  // The input lies in memory before the program starts: nothing to write, so nothing to block on.
  const Descriptor input{::memfd_create("input", MFD_CLOEXEC)};
  const Descriptor errors{process.keep_errors ? ::memfd_create("errors", MFD_CLOEXEC) : -1};
  std::array<int, 2> ends{};
  const auto& text = process.input;
  if (::write(input.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(input.get(), 0, SEEK_SET) != 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(Errc::unavailable, process.name + " cannot be prepared");
  }
  const Descriptor reading{ends[0]};
  Descriptor writing{ends[1]};
  CARDEA_TRY(const pid_t child, start(process, input.get(), writing.get(), errors.get()));
  writing.close();

  auto output = read_to_end(process, reading.get(), Clock::now() + process.deadline);
  if (!output) ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!output) return tl::unexpected{output.error()};
  if (WIFSIGNALED(status))
    return fail(Errc::denied, process.name + " was ended by signal " + std::to_string(WTERMSIG(status)));
  return Ended{WEXITSTATUS(status), *std::move(output), process.keep_errors ? content(errors.get()) : ""};
}

}  // namespace cardea::cms::ca

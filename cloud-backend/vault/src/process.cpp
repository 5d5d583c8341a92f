#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace cardea::vault {

namespace {

/// Everything posix_spawn is told, released on every path.
class SpawnPlan {
 public:
  explicit SpawnPlan(int descriptor) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, descriptor, wire::kDescriptor);

    // A process group of its own: Ctrl-C at the server's terminal must not take its workers away while it
    // finishes.
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  SpawnPlan(SpawnPlan&&) = delete;
  SpawnPlan& operator=(SpawnPlan&&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  int run(pid_t& pid, const std::filesystem::path& program, const std::vector<std::string>& environment) {
    auto name = std::string{"cardea-signer"};
    std::array<char*, 2> arguments{name.data(), nullptr};
    auto variables = environment;
    std::vector<char*> pointers;
    pointers.reserve(variables.size() + 1);
    for (auto& variable : variables)
      pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments.data(), pointers.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

void limit_wait(int descriptor, std::chrono::milliseconds timeout) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timeval wait{seconds.count(), std::chrono::microseconds{timeout - seconds}.count()};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

}  // namespace

Result<Process> Process::spawn(const Start& start) {
  if (std::error_code ignored; !std::filesystem::is_regular_file(start.program, ignored)) {
    return fail(Errc::not_found, "the signer program " + start.program.string() + " is not there");
  }
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(Errc::unavailable, "no socket pair for a signer");
  }
  // dup2 onto itself would keep close-on-exec, so the child's end must not have the number it is to get.
  if (pair[1] == wire::kDescriptor) {
    const int moved = ::fcntl(pair[1], F_DUPFD_CLOEXEC, wire::kDescriptor + 1);
    ::close(pair[1]);
    pair[1] = moved;
  }
  limit_wait(pair[0], start.timeout);
  pid_t pid = -1;
  const int error = SpawnPlan{pair[1]}.run(pid, start.program, start.environment);
  ::close(pair[1]);
  if (error != 0) {
    ::close(pair[0]);
    return fail(Errc::unavailable, "the signer program " + start.program.string() + " cannot be started");
  }
  return Process{pid, pair[0], start.timeout};
}

Process::Process(Process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)},
      descriptor_{std::exchange(other.descriptor_, -1)},
      limit_{other.limit_} {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    descriptor_ = std::exchange(other.descriptor_, -1);
    limit_ = other.limit_;
  }
  return *this;
}

void Process::end() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  descriptor_ = -1;
  pid_ = -1;
}

Result<wire::Reply> Process::exchange(const wire::Request& request, std::chrono::milliseconds limit) {
  if (limit != limit_) limit_wait(descriptor_, limit);
  limit_ = limit;
  return exchange(request);
}

bool Process::waiting() const {
  pollfd end{descriptor_, POLLIN, 0};
  return ::poll(&end, 1, 0) == 0;
}

Result<wire::Reply> Process::exchange(const wire::Request& request) {
  CARDEA_TRY(auto message, wire::encode(request));
  const WipeOnExit wiping{message};
  CARDEA_CHECK(wire::send(descriptor_, message));
  thread_local std::array<std::uint8_t, wire::kMaxMessage> buffer;
  CARDEA_TRY(const auto octets, wire::receive(descriptor_, buffer));
  auto reply = wire::decode_reply(octets);
  wipe(std::span{buffer}.first(octets.size()));
  return reply;
}

}  // namespace cardea::vault

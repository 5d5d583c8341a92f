#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <vector>

#include "cardea/cms/ca/authority.h"
#include "openssl.h"

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

std::vector<std::string> environment(const Order& order) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::string_view{*entry}.substr(0, 7) != "CARDEA_") out.emplace_back(*entry);
  }
  out.push_back("CARDEA_SLOT=" + order.slot);
  out.push_back("CARDEA_SUBJECT=" + order.holder.subject);
  out.push_back("CARDEA_UPN=" + (order.profile.upn ? order.holder.upn : std::string{}));
  out.push_back("CARDEA_EMAIL=" + (order.profile.email ? order.holder.email : std::string{}));
  out.push_back("CARDEA_VALID_DAYS=" + std::to_string(order.profile.valid_days));
  return out;
}

Result<pid_t> start(const std::string& command, const Order& order, int input, int output) {
  std::vector<std::string> variables = environment(order);
  std::vector<char*> pointers;
  pointers.reserve(variables.size() + 1);
  for (auto& variable : variables)
    pointers.push_back(variable.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  // A process group of its own, so that a deadline ends whatever the command started, too.
  posix_spawnattr_t attributes{};
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string shell = "sh";
  std::string option = "-c";
  std::string line = command;
  std::array<char*, 4> arguments{shell.data(), option.data(), line.data(), nullptr};
  pid_t child = 0;
  const int rc = posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments.data(), pointers.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0)
    return fail(Errc::unavailable,
                "the CA command cannot be started: " + std::generic_category().message(rc));
  return child;
}

/// Reads to the end, or to the deadline (`unavailable`).
Result<std::string> read_to_end(int fd, Clock::time_point until) {
  constexpr std::size_t kMostText = 262144;
  std::string out;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Errc::unavailable, "the CA command did not answer in time");
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n <= 0) return out;
    out.append(piece.data(), static_cast<std::size_t>(n));
    if (out.size() > kMostText)
      return fail(Errc::corrupt, "the CA command wrote far more than a certificate");
  }
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

class CommandAuthority final : public Authority {
 public:
  CommandAuthority(std::string command, std::chrono::milliseconds deadline)
      : command_{std::move(command)}, deadline_{deadline} {}

  Result<Bytes> issue(const Order& order) override {
    CARDEA_TRY(const auto text, run(order));
    const Certificate certificate{
        PEM_read_bio_X509(read_bio(as_bytes(text)).get(), nullptr, nullptr, nullptr)};
    if (certificate == nullptr) {
      return tl::unexpected{openssl_error(
          Errc::corrupt, "the CA command did not write a certificate (PEM) to its standard output")};
    }
    return certificate_der(certificate.get());
  }

 private:
  Result<std::string> run(const Order& order) const {
    // The request lies in memory before the command starts: nothing to write, so nothing to block on.
    const Descriptor input{::memfd_create("request", MFD_CLOEXEC)};
    const std::string pem = request_pem(order.request);
    std::array<int, 2> ends{};
    if (::write(input.get(), pem.data(), pem.size()) != static_cast<ssize_t>(pem.size()) ||
        ::lseek(input.get(), 0, SEEK_SET) != 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return fail(Errc::unavailable, "the CA command cannot be prepared");
    }
    const Descriptor reading{ends[0]};
    Descriptor writing{ends[1]};
    CARDEA_TRY(const pid_t child, start(command_, order, input.get(), writing.get()));
    writing.close();

    auto text = read_to_end(reading.get(), Clock::now() + deadline_);
    if (!text) ::kill(-child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (text && status != 0) return fail(Errc::denied, "the CA command " + ending(status));
    return text;
  }

  std::string command_;
  std::chrono::milliseconds deadline_;
};

}  // namespace

std::unique_ptr<Authority> make_command_authority(std::string command, std::chrono::milliseconds deadline) {
  return std::make_unique<CommandAuthority>(std::move(command), deadline);
}

}  // namespace cardea::cms::ca

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "cardea/link/socket.h"
#include "input.h"

namespace cardea::agent {
namespace {

class PosixInput final : public Input {
 public:
  PosixInput(int from, link::Descriptor opened) : opened_{std::move(opened)}, from_{from} {}
  PosixInput(const PosixInput&) = delete;
  PosixInput& operator=(const PosixInput&) = delete;
  ~PosixInput() override { show(); }

  int next(std::uint8_t& octet) override {
    while (true) {
      const auto got = ::read(from_, &octet, 1);
      if (got >= 0 || errno != EINTR) return static_cast<int>(got);
    }
  }

  void set_echo(bool shown) override {
    show();
    if (shown || ::tcgetattr(from_, &before_) != 0) return;
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden_ = ::tcsetattr(from_, TCSAFLUSH, &quiet) == 0;
  }

 private:
  void show() {
    if (hidden_) (void)::tcsetattr(from_, TCSAFLUSH, &before_);
    hidden_ = false;
  }

  link::Descriptor opened_;
  int from_;
  bool hidden_ = false;
  termios before_{};
};

std::unique_ptr<Input> opened(const char* path) {
  link::Descriptor file{::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (!file) return nullptr;
  const int from = file.get();
  return std::make_unique<PosixInput>(from, std::move(file));
}

}  // namespace

std::unique_ptr<Input> Input::standard() {
  return std::make_unique<PosixInput>(STDIN_FILENO, link::Descriptor{});
}

std::unique_ptr<Input> Input::file(const std::string& path) {
  return opened(path.c_str());
}

std::unique_ptr<Input> Input::terminal() {
  return opened("/dev/tty");
}

bool standard_input_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

}  // namespace cardea::agent

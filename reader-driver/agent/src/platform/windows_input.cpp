#include <windows.h>

#include <array>
#include <optional>

#include "cardea/secret.h"
#include "cardea/windows/handle.h"
#include "cardea/windows/text.h"
#include "input.h"

namespace cardea::agent {
namespace {

/// A file, a pipe, or a console that standard input is redirected from: octets as they stand.
class FileInput final : public Input {
 public:
  FileInput(HANDLE from, windows::Handle opened) : opened_{std::move(opened)}, from_{from} {}

  int next(std::uint8_t& octet) override {
    DWORD got = 0;
    if (::ReadFile(from_, &octet, 1, &got, nullptr) != 0) return static_cast<int>(got);
    return ::GetLastError() == ERROR_BROKEN_PIPE ? 0 : -1;  // the writer has gone: the end
  }
  void set_echo(bool /*shown*/) override {}

 private:
  windows::Handle opened_;
  HANDLE from_;
};

/// A console, which has characters of its own: turned into UTF-8, one at a time.
class ConsoleInput final : public Input {
 public:
  explicit ConsoleInput(windows::Handle console) : console_{std::move(console)} {}
  ConsoleInput(const ConsoleInput&) = delete;
  ConsoleInput& operator=(const ConsoleInput&) = delete;
  ~ConsoleInput() override {
    wipe(utf8_);
    show();
  }

  int next(std::uint8_t& octet) override {
    if (at_ == size_ && !read_character()) return failed_ ? -1 : 0;
    octet = utf8_[at_];
    utf8_[at_++] = 0;
    return 1;
  }

  void set_echo(bool shown) override {
    show();
    if (shown || ::GetConsoleMode(console_.get(), &before_) == 0) return;
    hidden_ = ::SetConsoleMode(console_.get(), before_ & ~static_cast<DWORD>(ENABLE_ECHO_INPUT)) != 0;
  }

 private:
  bool read_unit(wchar_t& unit) {
    DWORD got = 0;
    failed_ = ::ReadConsoleW(console_.get(), &unit, 1, &got, nullptr) == 0;
    return !failed_ && got == 1 && unit != 0x1A;  // Ctrl-Z ends input, as everywhere on Windows
  }

  /// Two units where one does not hold the character.
  bool read_character() {
    std::array<wchar_t, 2> units{};
    if (!read_unit(units[0])) return false;
    const bool pair = units[0] >= 0xD800 && units[0] < 0xDC00;
    if (pair && !read_unit(units[1])) return false;
    at_ = 0;
    size_ = windows::encode_utf8({units.data(), pair ? std::size_t{2} : std::size_t{1}}, utf8_);
    units.fill(0);
    return size_ > 0;
  }

  void show() {
    if (hidden_) (void)::SetConsoleMode(console_.get(), before_);
    hidden_ = false;
  }

  windows::Handle console_;
  std::array<std::uint8_t, 8> utf8_{};
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  bool failed_ = false;
  bool hidden_ = false;
  DWORD before_ = 0;
};

windows::Handle open_existing(const wchar_t* path, DWORD access) {
  return windows::Handle{::CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                                       OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)};
}

}  // namespace

std::unique_ptr<Input> Input::standard() {
  return std::make_unique<FileInput>(::GetStdHandle(STD_INPUT_HANDLE), windows::Handle{});
}

std::unique_ptr<Input> Input::file(const std::string& path) {
  auto file = open_existing(windows::widened(path).c_str(), GENERIC_READ);
  if (!file) return nullptr;
  auto* const from = file.get();
  return std::make_unique<FileInput>(from, std::move(file));
}

bool standard_input_is_terminal() {
  DWORD mode = 0;
  return ::GetConsoleMode(::GetStdHandle(STD_INPUT_HANDLE), &mode) != 0;
}

std::unique_ptr<Input> Input::terminal() {
  auto console = open_existing(L"CONIN$", GENERIC_READ | GENERIC_WRITE);
  if (!console) return nullptr;
  return std::make_unique<ConsoleInput>(std::move(console));
}

}  // namespace cardea::agent

#pragma once

#include <windows.h>

#include <utility>

namespace cardea::windows {

/// A kernel object that is closed once. Both of Windows' words for "none" are none.
class Handle {
 public:
  Handle() = default;
  explicit Handle(HANDLE handle) : handle_{handle == INVALID_HANDLE_VALUE ? nullptr : handle} {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle(Handle&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      close();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Handle() { close(); }

  [[nodiscard]] HANDLE get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  void close() noexcept {
    if (handle_ != nullptr) ::CloseHandle(handle_);
    handle_ = nullptr;
  }

  HANDLE handle_ = nullptr;
};

}  // namespace cardea::windows

#pragma once

#include <windows.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/windows/handle.h"

namespace cardea::windows {

/// The name of a pipe of this user: `\\.\pipe\cardea-WHAT-…`, with the user's security identifier and, so
/// that two agents of one user do not meet, a digest of `place` in it.
std::string pipe_name(std::string_view what, std::string_view place);

/// One end of a connected named pipe: octets in order. One thread sends and one receives at a time, and the
/// two do not hinder each other. Errors of all: `unavailable`.
class Pipe {
 public:
  explicit Pipe(Handle connected);
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  /// All of it.
  Result<void> send(BytesView octets);
  /// At least one octet; how many.
  Result<std::size_t> receive(std::span<std::uint8_t> into);
  /// How long one `send` or `receive` may take; 0, as at first: for ever.
  void set_deadline(std::chrono::milliseconds limit) { limit_ = limit; }
  /// Wakes who is in `receive` or `send`, for ever. Any thread.
  void shut_down() noexcept;

 private:
  template <class Start>
  Result<std::size_t> wait_for(HANDLE event, Start start);

  Handle pipe_;
  Handle down_;  // set by shut_down
  Handle sent_;  // events of the two directions
  Handle received_;
  std::atomic<std::chrono::milliseconds> limit_{std::chrono::milliseconds{0}};
};

/// Connects to a pipe whose server is a process of this user. Errors: `unavailable` when nobody listens,
/// `denied` when somebody else does.
Result<std::unique_ptr<Pipe>> connect_pipe(const std::string& name);

/// Makes a pipe of this name and takes connections from processes of this user.
class PipeListener {
 public:
  /// Errors: `conflict` when somebody listens there already, `unavailable`.
  static Result<std::unique_ptr<PipeListener>> listen(const std::string& name);

  /// The next connection; null when none came within `limit` (negative: no limit), or from another user.
  /// Errors: `unavailable` once `shut_down` was called.
  Result<std::unique_ptr<Pipe>> accept(std::chrono::milliseconds limit);

  /// Wakes who is in `accept`, for ever. Any thread.
  void shut_down() noexcept { ::SetEvent(down_.get()); }

 private:
  explicit PipeListener(std::string name) : name_{std::move(name)} {}
  Result<void> make_instance(bool first);
  Result<bool> wait_for_client(std::chrono::milliseconds limit);

  std::string name_;
  Handle instance_;  // the one that the next client gets
  Handle down_;
  Handle arrived_;
  OVERLAPPED pending_{};
  bool listening_ = false;  // ConnectNamedPipe is under way
};

}  // namespace cardea::windows

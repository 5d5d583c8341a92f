#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "cardea/result.h"
#include "change_log.h"
#include "connection.h"

namespace cardea::store {

/// The one thread that writes. Callers queue a piece of work and wait; whatever is queued runs in one
/// transaction and is made durable by one sync (group commit), so the cost of a sync is shared by all who
/// wait for it. While several callers are at work a transaction waits a moment for company: what costs one of
/// them a millisecond saves all of them a sync.
///
/// Laws:
///  1. `run` returns success only when its work is durable.
///  2. A piece that fails undoes only itself; the others of its transaction are kept.
///  3. `published` of a successful piece runs after the commit and before `run` returns, in the order of the
///  commits.
class Writer {
 public:
  /// Reads and changes the database; what it captures outlives the call. May run more than once (a
  /// transaction lost as a whole is repeated piece by piece), so it sets its results afresh each time.
  using Work = std::function<Result<void>(Connection&)>;
  using Published = std::function<void()>;

  /// Takes over the connection for writing, and tells `log` how transactions go. Starts the thread.
  explicit Writer(Connection& connection, ChangeLog* log = nullptr);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  /// Finishes what is queued.
  ~Writer();

  Result<void> run(const Work& work, const Published& published = {});

  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  [[nodiscard]] std::uint64_t writes() const { return writes_; }

 private:
  struct Job;

  void loop();
  bool crowded() const;
  void process(const std::vector<Job*>& jobs);
  bool attempt(const std::vector<Job*>& jobs);
  Result<void> perform(Job& job);
  void roll_back() noexcept;

  Connection& connection_;
  ChangeLog* log_;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> writes_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job*> queue_;
  bool stopping_ = false;
  bool gathering_ = false;

  // The writing thread's own.
  std::chrono::steady_clock::time_point last_begun_;
  std::array<std::thread::id, 8> recent_callers_;
  std::size_t calls_ = 0;
  std::thread thread_;
};

}  // namespace cardea::store

#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cardea/resource/manager.h"
#include "reader.h"

namespace cardea::resource {

/// What the manager and its contexts share: the readers, who waits for what, and the power of idle cards.
///
/// Locks: a reader's `in_use` first, for as long as its card is spoken to; `mutex` second, never while a card
/// is spoken to.
class Hub {
 public:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;

  explicit Hub(Options options);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub() = default;

  std::string insert(std::shared_ptr<CardPort> card);
  void remove(const std::shared_ptr<CardPort>& card);
  void close();

  /// All with `mutex` held.
  Reader* find(const std::string& name);
  [[nodiscard]] pcsc_link::ReaderList list() const;
  /// Something in `list` is different now.
  void changed();
  /// A transaction may have ended, or somebody need not wait any more.
  void turn_over() { turns.notify_all(); }

  /// Waits until no other connection is in a transaction, and all who have waited for longer have had their
  /// turn; or until `connection` (null for one that does not exist yet) has an event, or `stop` holds.
  void await_turn(Lock& lock, Reader& reader, const Connection* connection,
                  const std::function<bool()>& stop);
  [[nodiscard]] bool would_wait(const Reader& reader, const Connection* connection) const;

  std::mutex mutex;
  std::condition_variable changes;               // of the list
  std::condition_variable turns;                 // of transactions
  bool closed = false;                           // guarded by mutex
  std::uint64_t generation = 1;                  // guarded by mutex
  std::vector<std::unique_ptr<Reader>> readers;  // guarded by mutex; grows, its members stay where they are

  /// Puts cards to sleep that nobody uses, until `stop`.
  void watch_idle_cards(const std::stop_token& stop);

 private:
  Reader& first_empty();
  void put_to_sleep(Reader& reader, Clock::time_point deadline);

  const Options options_;
  std::condition_variable_any idle_;
};

}  // namespace cardea::resource

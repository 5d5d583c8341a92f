#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cardea/vault/vault.h"
#include "process.h"

namespace cardea::vault {

/// Workers that are borrowed for one request each. A caller talks to an idle worker in its own thread; a slow
/// request (RSA generation) keeps one worker busy and nobody else. Broken and worn-out workers go to a thread
/// that replaces them: all processes are its children, and it lives as long as they do.
class Pool {
 public:
  struct Limits {
    unsigned workers = 2;
    std::uint64_t operations = 500'000;
    std::uint64_t bytes = 256U << 20U;
    std::chrono::milliseconds timeout{10'000};
    std::chrono::milliseconds generation{60'000};
  };

  /// `hello` is said to each new worker.
  Pool(Process::Start start, wire::Request hello, Limits limits);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Waits until all workers stand. Errors: that of the first one that does not.
  Result<void> wait_until_ready();

  /// One request, repeated once on another worker if the first one dies of it. (None of the protocol's
  /// requests leaves anything behind in a worker.) A worker that hangs is replaced too, but the caller has
  /// waited long enough then; so are the idle ones, for what stopped the one may have stopped them all, and
  /// nobody else shall wait to find out.
  Result<wire::Reply> exchange(const wire::Request& request);

  /// Has every worker destroy the kept keys of a card: the idle ones before this returns, the others as soon
  /// as they are back and before anybody else gets them. Workers that start later have nothing to forget.
  void forget(const std::string& tenant, const std::string& card);

  /// Workers that start from now on log in with this PIN.
  void set_user_pin(const SecretBytes& pin);
  /// What a worker of this token is told first.
  [[nodiscard]] wire::Request hello() const;

  [[nodiscard]] Stats stats() const;
  /// Whether no worker is idle.
  [[nodiscard]] bool busy() const;

 private:
  struct Card {
    std::string tenant, card;
  };
  struct Worker {
    Process process;
    std::uint64_t operations = 0;
    std::vector<Card> errands;  ///< cards to forget before the next request; under the mutex
  };
  using Lease = std::unique_ptr<Worker>;

  Result<Lease> borrow();
  void give_back(Lease worker);
  /// False when the worker is of no more use.
  bool run_errands(Worker& worker);
  /// Under the mutex.
  void retire(Lease worker);
  /// The mechanic's thread.
  void replace_workers();
  Result<Lease> start_worker();

  const Process::Start start_;
  const Limits limits_;

  mutable std::mutex mutex_;
  wire::Request hello_;
  std::condition_variable idle_changed_;
  std::condition_variable work_for_mechanic_;
  std::set<Worker*> lent_;
  std::vector<Lease> idle_;    // a stack: a warm worker is taken first
  std::deque<Lease> retired_;  // to be ended by the mechanic
  unsigned missing_;           // to be started by the mechanic
  bool hopeless_ = false;      // the token refuses the PIN: another try would only lock it
  bool stopping_ = false;
  std::optional<Error> trouble_;  // why the latest start failed
  Stats stats_;
  std::thread mechanic_;
};

}  // namespace cardea::vault

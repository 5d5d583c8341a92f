#include "writer.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace cardea::store {

namespace {

/// In a crowd, transactions begin at least this far apart.
constexpr std::chrono::microseconds kApart{1500};
/// So many different threads among the last eight pieces of work are a crowd. One client alone meets two or
/// three: its requests are served by whichever threads are free.
constexpr std::ptrdiff_t kCrowd = 4;

}  // namespace

/// Lives on the stack of its caller until it is answered.
struct Writer::Job {
  Job(const Work& w, const Published& p) : work{w}, published{p} {}

  const Work& work;
  const Published& published;
  const std::thread::id caller = std::this_thread::get_id();
  Result<void> result;

  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;
};

Writer::Writer(Connection& connection, ChangeLog* log)
    : connection_{connection}, log_{log}, thread_{[this] { loop(); }} {}

Writer::~Writer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<void> Writer::run(const Work& work, const Published& published) {
  Job job{work, published};
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(&job);
    if (!gathering_) wake_.notify_one();
  }
  std::unique_lock lock{job.mutex};
  job.answered.wait(lock, [&job] { return job.done; });
  return std::move(job.result);
}

void Writer::loop() {
  std::vector<Job*> jobs;
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      if (crowded()) {
        gathering_ = true;
        wake_.wait_until(lock, last_begun_ + kApart, [this] { return stopping_; });
        gathering_ = false;
      }
      jobs.swap(queue_);
    }
    last_begun_ = std::chrono::steady_clock::now();
    for (const Job* job : jobs)
      recent_callers_[calls_++ % recent_callers_.size()] = job->caller;
    process(jobs);
    for (Job* job : jobs) {
      // Notified under the lock: once it is released the caller may take the job away.
      const std::lock_guard lock{job->mutex};
      job->done = true;
      job->answered.notify_one();
    }
    jobs.clear();
  }
}

bool Writer::crowded() const {
  auto callers = recent_callers_;
  std::ranges::sort(callers);
  return std::unique(callers.begin(), callers.end()) - callers.begin() >= kCrowd;
}

void Writer::process(const std::vector<Job*>& jobs) {
  if (attempt(jobs) || jobs.size() == 1) return;
  // The transaction was lost as a whole, by a full disk say. Which piece was too much shows when each goes
  // alone.
  for (Job* job : jobs)
    attempt({job});
}

/// True when every job has its final result; false when the transaction was lost (the results then say why).
bool Writer::attempt(const std::vector<Job*>& jobs) {
  std::uint64_t successes = 0;
  bool begun = false;
  try {
    connection_.run("BEGIN IMMEDIATE");
    begun = true;
    if (log_ != nullptr) log_->undone();  // nothing is left of the last one
    for (Job* job : jobs) {
      connection_.run("SAVEPOINT piece");
      job->result = perform(*job);
      if (!job->result && log_ != nullptr) log_->piece_undone();
      if (job->result) {
        ++successes;
      } else if (!connection_.in_transaction()) {
        return false;  // SQLite itself rolled everything back
      } else {
        connection_.run("ROLLBACK TO piece");
      }
      connection_.run("RELEASE piece");
    }
    connection_.run(successes > 0 ? "COMMIT" : "ROLLBACK");
    if (successes > 0 && log_ != nullptr) log_->committed();
  } catch (const SQLite::Exception& failure) {
    const Error error = connection_.translate(failure);
    if (begun) roll_back();
    for (Job* job : jobs)
      job->result = tl::unexpected{error};
    return !begun;  // where no transaction can begin, one piece alone fares no better
  }
  if (successes > 0) ++commits_;
  writes_ += successes;
  for (Job* job : jobs) {
    if (job->result && job->published) job->published();
  }
  return true;
}

Result<void> Writer::perform(Job& job) {
  try {
    auto result = job.work(connection_);
    if (result && log_ != nullptr) CARDEA_CHECK(log_->log_piece());
    return result;
  } catch (const SQLite::Exception& failure) {
    return tl::unexpected{connection_.translate(failure)};
  } catch (const std::exception& failure) {
    return fail(Errc::unavailable, std::string{"writing failed: "} + failure.what());
  }
}

/// Also buries what a failed commit may have left in the write-ahead log: frames that are complete but were
/// reported as failed would count as committed if the process died now. The next transaction overwrites them,
/// so one follows at once.
void Writer::roll_back() noexcept {
  try {
    if (connection_.in_transaction()) connection_.run("ROLLBACK");
    connection_.run("UPDATE probe SET count = count + 1");
  } catch (const SQLite::Exception&) {
    // No better than before; the next piece of work reports what is wrong.
    return;
  }
}

}  // namespace cardea::store
